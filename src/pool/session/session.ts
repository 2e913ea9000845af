import { setTimeout as sleep } from "node:timers/promises";

import { schemaVersion } from "../../db/admin/this-schema.ts";
import type { LeasedRange } from "../../db/engine/leases.ts";
import { release, releaseUnknown } from "../../db/engine/release.ts";
import {
  isPoolGone,
  markDraining,
  type NewPool,
  registerPool,
  endPool,
} from "../../db/engine/pools.ts";
import { rescuePools } from "../../db/engine/rescue.ts";
import type { Counts } from "../../domain/capabilities.ts";
import type { Db } from "../../db/connection/connect.ts";
import { reportUsage } from "../../db/engine/usage.ts";
import { readDepth } from "../../db/read/lists.ts";
import { reportPool } from "../../db/dashboard/report.ts";
import type { Target } from "../../db/settings/target.ts";
import { Bearing } from "../link/bearing.ts";
import { Claimer, type ClaimerOptions } from "./claimer.ts";
import type { JobRun } from "../wire/leased-job.ts";
import { Heartbeat, type HeartbeatListener } from "./heartbeat.ts";
import { type MachinePart, neighbourWarnings } from "./neighbours.ts";
import { retryUntil } from "../link/retry-until.ts";
import { Link } from "../link/link.ts";
import type { Meter } from "./meter.ts";
import { Profiles } from "./profiles.ts";
import { Recorder, type RecorderListener } from "./recorder.ts";
import { Settler } from "./settler.ts";
import { SilentPools } from "./silent-pools.ts";
import { Tally } from "./tally.ts";
import { UsageTally } from "./usage-tally.ts";

/** The three connections of a pool, for any number of workers (rule 5). */
export interface Links {
  /** For claims, which the server makes while it writes outcomes. */
  claims: Link;
  /** For outcomes, and for releasing. */
  work: Link;
  /** For the heartbeat, notifications, and checks of other pools. */
  side: Link;
}

const workDeadlineMs = 60_000;
/** How often a pool that was killed looks whether the database is away. */
const lookEveryMs = 100;
/** A pool that does nothing reports that this often, because a failover may lose a report. */
const reportEveryMs = 60_000;

export interface LinksListener {
  onNotify: (channel: string, payload: string) => void;
  /** Another server has taken the database over. */
  onMoved: () => void;
}

export function openLinks(
  target: Target,
  heartbeatTimeoutMs: number,
  { onNotify, onMoved }: LinksListener,
): Links {
  const shared = { bearing: new Bearing(onMoved), isPatient: true };
  return {
    claims: new Link(target, { ...shared, deadlineMs: workDeadlineMs }),
    work: new Link(target, { ...shared, deadlineMs: workDeadlineMs }),
    side: new Link(target, { ...shared, deadlineMs: heartbeatTimeoutMs / 3, onNotify }),
  };
}

export async function closeLinks({ claims, work, side }: Links): Promise<void> {
  await Promise.all([claims.close(), work.close(), side.close()]);
}

export interface SessionOptions extends NewPool, ClaimerOptions, MachinePart {}

export interface SessionListener
  extends Omit<HeartbeatListener, "report" | "pollEdges" | "notify">, RecorderListener {
  /** The counts of the pool. */
  meter: Meter;
  /** The number of workers that have a job. */
  busy(): number;
  /** The amounts of its resources that no job has. */
  free(): Counts;
  /** Whether the leases of this session are still the pool's own. */
  isCurrent(session: Session): boolean;
  log(line: string): void;
}

/**
 * Everything that belongs to one row of the table `pool`. A pool that was declared lost (O1)
 * continues with a new row, in a new session.
 */
export class Session {
  readonly poolId: number;
  claimer: Claimer;
  readonly recorder: Recorder;
  readonly heartbeat: Heartbeat;
  readonly profiles: Profiles;
  readonly settler: Settler;
  readonly #silentPools: SilentPools;
  /**
   * The number of times that it has released all its leases: a claim that was under way at that
   * time is void.
   */
  recoveries = 0;
  /** The leases that it had when another server took over; null if all of them are over. */
  #before: Set<number> | null = null;
  #checkedAt = -Infinity;
  readonly #links: Links;
  readonly #pool: SessionOptions;
  readonly #heartbeatTimeoutMs: number;
  readonly #listener: SessionListener;
  readonly #tally: Tally;
  readonly #usage = new UsageTally();
  /** What the database knows of its work until it needs another report. */
  #reported = { text: "", until: -Infinity };

  private constructor(
    links: Links,
    pool: SessionOptions,
    poolId: number,
    listener: SessionListener,
  ) {
    this.poolId = poolId;
    this.#links = links;
    this.#pool = pool;
    this.#heartbeatTimeoutMs = pool.heartbeatTimeoutMs;
    this.claimer = new Claimer(links.claims, poolId, pool);
    this.#listener = listener;
    this.#tally = new Tally(listener.meter.attemptMs);
    this.#silentPools = new SilentPools(links.claims, poolId, (line) => listener.log(line));
    this.profiles = new Profiles(links.side, poolId, (error) => listener.onError(error));
    this.recorder = new Recorder(links.work, poolId, {
      ...listener,
      onWritten: (postingIds, batch, ms) => {
        this.#tally.add(batch);
        this.#usage.add(batch);
        listener.meter.recordMs.add(ms);
        listener.onWritten(postingIds, batch, ms);
      },
    });
    this.settler = new Settler(links);
    this.heartbeat = new Heartbeat(links.side, poolId, pool.heartbeatTimeoutMs, {
      ...listener,
      report: (db) => this.#report(db),
      pollEdges: () => this.settler.poll(),
      notify: (isOver) => this.settler.notify(isOver),
    });
  }

  /** Its leases have ended: the database refuses all further outcomes. */
  get isOver(): boolean {
    return !this.#listener.isCurrent(this);
  }

  /** Reports the work since the last time, for display. */
  async #report(db: Db): Promise<void> {
    const report = this.#tally.take(this.#listener.busy(), this.#listener.free());
    const text = JSON.stringify(report);
    const isKnown = text === this.#reported.text && performance.now() < this.#reported.until;
    if (isKnown && report.done + report.failed + report.retried === 0) return;
    const waits = await reportPool(db, this.poolId, report);
    this.#reported = { text, until: performance.now() + reportEveryMs };
    if (waits) this.#listener.meter.waited(waits, report.firsts / report.starts.length);
    await reportUsage(db, this.poolId, this.#usage.take());
  }

  /** Rescues the jobs of lost pools, because no other pool may be left to do so, and registers. */
  static async open(
    links: Links,
    pool: SessionOptions,
    listener: SessionListener,
  ): Promise<Session> {
    for (const lost of await links.side.ask((db) => rescuePools(db))) listener.onRescue(lost);
    const row = { ...pool, schemaVersion: schemaVersion() };
    const poolId = await links.side.ask((db) => registerPool(db, row));
    const warnings = await links.side.ask((db) => neighbourWarnings(db, poolId, pool));
    for (const line of warnings) listener.log(line);
    return new Session(links, pool, poolId, listener);
  }

  /**
   * Releases jobs that no worker has started. Keeps the leases of the jobs of `kept`, and of
   * outcomes that are not written yet. Returns the number of released jobs.
   */
  async release(runs: readonly JobRun[], kept: () => readonly JobRun[]): Promise<number> {
    if (runs.length === 0) return 0;
    // While no outcome is being written: otherwise the jobs to keep might change meanwhile.
    return await this.recorder.exclusively(async () => {
      const leases = new Set(runs.map(({ leaseId }) => leaseId));
      const keep = [
        ...kept()
          .filter(({ leaseId }) => leases.has(leaseId))
          .map(rangeOf),
        ...this.recorder.waiting(leases),
      ];
      const back = await retryUntil(
        () => this.#links.work.ask((db) => release(db, this.poolId, [...leases], keep)),
        () => !this.isOver,
      );
      for (const run of runs) this.recorder.forget(rangeOf(run), run.count);
      return back ?? 0;
    });
  }

  /**
   * Whether pools that may be dead have jobs which this pool could run. Rescues the jobs of dead
   * pools.
   */
  async awaitsPools(): Promise<boolean> {
    const { isAny, isDue } = await this.#silentPools.poll(this.claimer.routeIds);
    if (!isDue) return isAny;
    const lost = await this.#links.side.ask((db) => rescuePools(db));
    for (const pool of lost) this.#listener.onRescue(pool);
    return true;
  }

  /**
   * Releases leases that the database has for this pool, but that are unknown here. False if there
   * may be more of them soon.
   */
  async releaseUnknown(): Promise<boolean> {
    return await this.recorder.exclusively(() =>
      this.#links.work.ask((db) => releaseUnknown(db, this.poolId, this.recorder.leases)),
    );
  }

  /**
   * Another server has taken the database over. If it lacks the newest transactions, it may give
   * the numbers of lost postings and routes again: forgets all that is known by them. A claim that
   * is under way is void. Leases are exact (L5), so running jobs continue.
   */
  moved(): void {
    this.recoveries++;
    this.claimer = new Claimer(this.#links.claims, this.poolId, this.#pool);
    this.#before = new Set(this.recorder.leases);
  }

  /**
   * Whether leases may be active that this pool has finished: the other server may lack the last
   * outcomes, so their jobs have to run again. True about once a second until all leases from
   * before the move are over.
   */
  mayHaveFinishedInVain(now: number): boolean {
    if (this.#before === null || now < this.#checkedAt + 1_000) return false;
    this.#checkedAt = now;
    const before = this.#before;
    if (!this.recorder.leases.some((lease) => before.has(lease))) this.#before = null;
    return true;
  }

  /** After its workers were stopped: records the remaining outcomes, and releases the rest. */
  async recover(): Promise<void> {
    this.recoveries++;
    await this.recorder.flush();
    await this.recorder.exclusively(() =>
      this.#links.work.ask((db) => releaseUnknown(db, this.poolId, [])),
    );
    this.recorder.reset();
  }

  /** Declared lost: sends the remaining outcomes, to be refused and counted. */
  async abandon(): Promise<void> {
    await this.heartbeat.stop();
    await this.recorder.flush();
    this.recorder.reset();
  }

  /** The number of unfinished jobs that its pool can run. */
  async countLeft(): Promise<number> {
    const of = { routes: this.claimer.routeIds, postings: this.claimer.chosen };
    return await this.#links.side.ask((db) => readDepth(db, of));
  }

  async markDraining(): Promise<void> {
    await this.#links.side.ask((db) => markDraining(db, this.poolId));
  }

  /**
   * Writes the outcomes that are left, however long the database is away, releases unfinished jobs,
   * and marks the pool as ended. Once it was `killed` and no heartbeat got through for most of the
   * heartbeat timeout, they are given up, and their jobs run again.
   */
  async close(killed: Promise<void>): Promise<number> {
    const isAnswered = await this.#writeLast(killed);
    // What is left to send there is for display: a slow server must not delay the end.
    this.#links.side.endPatience();
    if (this.heartbeat.isSilent) this.#links.side.reset();
    await this.heartbeat.stop();
    if (isAnswered) await this.#sendLast();
    // Then others rescue its jobs.
    const waitMs = isAnswered ? this.#heartbeatTimeoutMs : this.#heartbeatTimeoutMs / 3;
    const deadline = performance.now() + waitMs;
    const end = () => this.#links.work.ask((db) => endPool(db, this.poolId));
    // No heartbeat notices any more that nothing is answered: as long as one would wait.
    const timer = setInterval(() => this.#links.work.reset(), this.#heartbeatTimeoutMs / 3);
    try {
      return (await retryUntil(end, () => performance.now() < deadline)) ?? 0;
    } catch (error) {
      if (isPoolGone(error)) return 0; // and its leases have ended
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  /** What is for display. */
  async #sendLast(): Promise<void> {
    await this.profiles.send();
    await this.#links.side
      .ask((db) => this.#report(db))
      .catch((error: unknown) => this.#listener.onError(error));
  }

  /** Writes the outcomes that are left. False if the pool was `killed` and nothing is answered. */
  async #writeLast(killed: Promise<void>): Promise<boolean> {
    const left = () => this.recorder.backlog.outcomes;
    const timer = setTimeout(() => {
      const then = "a second signal gives them up, and their jobs run again";
      this.#listener.log(`waiting for the database, outcomes to record: ${left()}; ${then}`);
    }, this.#heartbeatTimeoutMs / 3);
    const written = new AbortController();
    const silent = killed.then(async () => {
      while (!written.signal.aborted && !this.heartbeat.isSilent) await sleep(lookEveryMs);
    });
    await Promise.race([this.recorder.flush().then(() => written.abort()), silent]);
    clearTimeout(timer);
    if (written.signal.aborted) return true;
    this.#listener.log(`outcomes that were not recorded: ${left()}; their jobs will run again`);
    this.recorder.reset();
    return false;
  }
}

const rangeOf = ({ leaseId, posting, attempt, firstSeq, count }: JobRun): LeasedRange => ({
  ...{ leaseId, postingId: posting.id, attempt, firstSeq, endSeq: firstSeq + count },
});
