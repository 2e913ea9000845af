import { release, releaseUnknown, type LeasedSeq } from "../../db/engine/release.ts";
import {
  isPoolGone,
  markDraining,
  type NewPool,
  registerPool,
  endPool,
} from "../../db/engine/pools.ts";
import { rescuePools } from "../../db/engine/rescue.ts";
import { tell } from "../../db/dashboard/report.ts";
import type { Target } from "../../db/connection/settings.ts";
import { Bearing } from "./bearing.ts";
import { Claimer, type ClaimerOptions } from "./claimer.ts";
import type { LeasedJob } from "../wire/leased-job.ts";
import { Heartbeat, type HeartbeatListener } from "./heartbeat.ts";
import { retryUntil } from "./retry-until.ts";
import { Link } from "./link.ts";
import { Profiles } from "./profiles.ts";
import { Recorder, type RecorderListener } from "./recorder.ts";
import { SilentPools } from "./silent-pools.ts";
import { Tally } from "./tally.ts";

/** The three connections of a pool, however many workers it has (rule 5). */
export interface Links {
  /** For claims, which the server makes while it writes outcomes. */
  claims: Link;
  /** For outcomes, and for releasing. */
  work: Link;
  /** For the heartbeat, notifications, and looking after others. */
  side: Link;
}

const workDeadlineMs = 60_000;

export function openLinks(
  target: Target,
  heartbeatTimeoutMs: number,
  onNotify: (channel: string) => void,
): Links {
  const bearing = new Bearing();
  return {
    claims: new Link(target, { bearing, deadlineMs: workDeadlineMs }),
    work: new Link(target, { bearing, deadlineMs: workDeadlineMs }),
    side: new Link(target, { bearing, deadlineMs: heartbeatTimeoutMs / 3, onNotify }),
  };
}

export async function closeLinks({ claims, work, side }: Links): Promise<void> {
  await Promise.all([claims.close(), work.close(), side.close()]);
}

export interface SessionOptions extends NewPool, ClaimerOptions {}

export interface SessionListener extends Omit<HeartbeatListener, "told">, RecorderListener {
  /** How many workers have a job in hand. */
  busy(): number;
}

/**
 * What belongs to one row of the pool table. A pool that was declared lost (O1) goes on under a new
 * row, in a new session.
 */
export class Session {
  readonly poolId: number;
  readonly claimer: Claimer;
  readonly recorder: Recorder;
  readonly heartbeat: Heartbeat;
  readonly profiles: Profiles;
  readonly #silentPools: SilentPools;
  /** How often it released all that it had: a claim that was under way then is void. */
  recoveries = 0;
  readonly #links: Links;
  readonly #heartbeatTimeoutMs: number;
  readonly #listener: HeartbeatListener;
  /** Its leases are gone: nothing that it still has to say will be heard. */
  #isOver = false;

  get isOver(): boolean {
    return this.#isOver;
  }

  private constructor(
    links: Links,
    pool: SessionOptions,
    poolId: number,
    listener: SessionListener,
  ) {
    this.poolId = poolId;
    this.#links = links;
    this.#heartbeatTimeoutMs = pool.heartbeatTimeoutMs;
    this.claimer = new Claimer(links.claims, poolId, pool);
    this.#silentPools = new SilentPools(links.claims, poolId, (line) => listener.onHold(line));
    this.profiles = new Profiles(links.side, poolId, (error) => listener.onError(error));
    const tally = new Tally();
    this.#listener = { ...listener, told: () => tally.take(listener.busy()) };
    this.recorder = new Recorder(links.work, poolId, {
      ...listener,
      onWritten(postingIds, batch) {
        tally.add(batch);
        listener.onWritten(postingIds, batch);
      },
    });
    this.heartbeat = new Heartbeat(links.side, poolId, pool.heartbeatTimeoutMs, this.#listener);
  }

  /** Rescues from pools that were lost, since there may be no other to do so, and registers. */
  static async open(
    links: Links,
    pool: SessionOptions,
    listener: SessionListener,
  ): Promise<Session> {
    for (const lost of await links.side.ask((db) => rescuePools(db))) listener.onRescue(lost);
    const poolId = await links.side.ask((db) => registerPool(db, pool));
    return new Session(links, pool, poolId, listener);
  }

  /**
   * Gives back jobs that no worker has started, and keeps leased what `kept` and the outcomes still
   * to be written belong to. Returns how many went back.
   */
  async release(jobs: readonly LeasedJob[], kept: () => readonly LeasedJob[]): Promise<number> {
    if (jobs.length === 0) return 0;
    // While no outcome is being written: what is kept must be known to the last one.
    return await this.recorder.exclusively(async () => {
      const leases = new Set(jobs.map((job) => job.leaseId));
      const keep = [...kept().map(leasedSeq), ...this.recorder.waiting].filter(({ leaseId }) =>
        leases.has(leaseId),
      );
      const back = await retryUntil(
        () => this.#links.work.ask((db) => release(db, this.poolId, [...leases], keep)),
        () => !this.#isOver,
      );
      for (const job of jobs) this.recorder.forget(leasedSeq(job));
      return back ?? 0;
    });
  }

  /**
   * Whether pools that may be dead hold jobs which this pool would run then. Of those that are dead
   * by now the jobs are released.
   */
  async awaitsPools(): Promise<boolean> {
    const { isAny, isDue } = await this.#silentPools.look(this.claimer.routeIds);
    if (!isDue) return isAny;
    const lost = await this.#links.side.ask((db) => rescuePools(db));
    for (const pool of lost) this.#listener.onRescue(pool);
    return true;
  }

  /** Gives back leases that the database has for this pool and that are not known here. */
  async releaseUnknown(): Promise<void> {
    await this.recorder.exclusively(() =>
      this.#links.work.ask((db) => releaseUnknown(db, this.poolId, this.recorder.leases)),
    );
  }

  /** After its workers were stopped: records what had ended, and releases all the rest. */
  async recover(): Promise<void> {
    this.recoveries++;
    await this.recorder.flush();
    await this.recorder.exclusively(() =>
      this.#links.work.ask((db) => releaseUnknown(db, this.poolId, [])),
    );
    this.recorder.reset();
  }

  /** Declared lost: says what had ended, to be refused and counted, and no more. */
  async bury(): Promise<void> {
    await this.heartbeat.stop();
    await this.recorder.flush();
    this.#isOver = true;
    this.recorder.reset();
  }

  async markDraining(): Promise<void> {
    await this.#links.side.ask((db) => markDraining(db, this.poolId));
  }

  /**
   * Writes what is left to write, releases what is unfinished, and says that the pool has ended.
   */
  async close(): Promise<number> {
    await this.recorder.flush();
    await this.heartbeat.stop();
    await this.profiles.tell();
    await this.#links.side
      .ask((db) => tell(db, this.poolId, this.#listener.told()))
      .catch((error: unknown) => this.#listener.onError(error));
    const deadline = performance.now() + this.#heartbeatTimeoutMs; // then others rescue from it
    const retire = () => this.#links.work.ask((db) => endPool(db, this.poolId));
    const back = await retryUntil(retire, () => performance.now() < deadline).catch(
      (error: unknown) => {
        if (isPoolGone(error)) return 0; // and its leases with it
        throw error;
      },
    );
    return back ?? 0;
  }
}

const leasedSeq = ({ leaseId, posting, seq, attempt }: LeasedJob): LeasedSeq => ({
  leaseId,
  postingId: posting.id,
  seq,
  attempt,
});
