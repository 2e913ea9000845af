import { findStopped, holdPostings } from "../db/control.ts";
import { isConnectionLoss } from "../db/connect.ts";
import type { NewPool } from "../db/pools.ts";
import type { Target } from "../db/settings.ts";
import { type AttemptEnd, type OutcomeState, outcomeState } from "../domain/attempt.ts";
import { retryDelayMs } from "../domain/backoff.ts";
import type { Room } from "./claimer.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { HeldJob } from "./held-job.ts";
import { Link } from "./link.ts";
import type { End } from "./protocol.ts";
import { type Links, Session } from "./session.ts";
import type { WorkerOptions } from "./worker-process.ts";

export interface PoolOptions extends Omit<NewPool, "slots"> {
  maxWorkers: number;
  worker: WorkerOptions;
  /** End when nothing is left to run, retries included. */
  once: boolean;
  log: (line: string) => void;
}

/** What a pool did in its life. */
export interface PoolSummary extends Record<OutcomeState, number> {
  refused: number;
  gaveBack: number;
  /** Postings that it stopped because their jobs only failed. */
  stopped: number;
}

const pollMs = 2_000;
const onceMs = 50;
const lookMs = 1_000;
const workDeadlineMs = 60_000;
const againMs = 500;

/**
 * One pool: claims jobs, hands them to its workers, records their outcomes. All that must survive
 * this process is in the database.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #links: Links;
  readonly #ended = Promise.withResolvers<void>();
  readonly #summary: PoolSummary = {
    ...{ done: 0, failed: 0, retried: 0, cancelled: 0 },
    ...{ refused: 0, gaveBack: 0, stopped: 0 },
  };
  /** By posting: failed attempts since the last one that was done. */
  readonly #failuresInRow = new Map<number, number>();
  readonly #dispatcher: Dispatcher;
  #session: Session | null = null;
  #workersOfAllPools: number;
  #isClaiming = false;
  #isDraining = false;
  #isKilled = false;
  /** No beat for so long that the workers were stopped; until the database answers again. */
  #isSilent = false;
  /** The answer to a claim was lost: the database may have a lease that is not known here. */
  #mayHaveUnknown = false;
  /** Nothing could be claimed; not to be tried again before this (performance clock). */
  #nothingUntil = 0;
  /** …but that was asked for jobs known to be short only, since no worker was idle. */
  #nothingShort = false;
  #pollTimer: Timer | undefined;
  #lookTimer: Timer | undefined;

  private constructor(target: Target, options: PoolOptions) {
    this.#options = options;
    this.#workersOfAllPools = options.maxWorkers;
    this.#links = {
      work: new Link(target, { deadlineMs: workDeadlineMs }),
      side: new Link(target, {
        deadlineMs: options.patienceMs / 3,
        onNotify: (channel) => (channel.endsWith(".changed") ? this.#look() : this.#wake()),
      }),
    };
    this.#dispatcher = new Dispatcher(options.maxWorkers, options.worker, {
      onEnd: (job, end, pid) => this.#end(job, end, pid),
      onLost: (verdict, durationMs, output, pid) => {
        if (this.#isKilled) return; // its attempt is unused: it is given back
        const { job, state, error } = verdict;
        options.log(`job ${job.posting.id}/${job.seq}: ${error.message}`);
        const kept = job.posting.keepsOutput === "none" ? null : output;
        const end = {
          durationMs,
          agoMs: 0,
          text: JSON.stringify(error),
          retry: null,
          output: kept,
        };
        this.#record(job, state, end, pid);
      },
      onHungry: () => this.#claim(),
      onLongJob: () => this.#session?.heartbeat.hurry(),
      jobTime: (entryPoint) => this.#session?.claimer.jobTime(entryPoint) ?? null,
    });
  }

  /** Registers a pool, starts its workers, and begins to claim. */
  static async start(target: Target, options: PoolOptions): Promise<Pool> {
    const pool = new Pool(target, options);
    try {
      await pool.#openSession();
    } catch (error) {
      await pool.#close();
      throw error;
    }
    pool.#lookTimer = setInterval(() => pool.#look(), lookMs);
    return pool;
  }

  /** Resolves when the pool has ended and its workers are gone. Rejects for what it can't survive. */
  async finished(): Promise<PoolSummary> {
    try {
      await this.#ended.promise;
      this.#summary.gaveBack += (await this.#session?.close()) ?? 0;
      return this.#summary;
    } finally {
      await this.#close();
    }
  }

  /** Claims no more, gives back what has not started, and ends when what runs has ended. */
  drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#attempt(async () => {
      await this.#session?.markDraining();
      await this.#giveBack(this.#dispatcher.recall(() => true));
      this.#endIfDrained();
    });
  }

  /** Ends now: kills the workers. The jobs that they ran go back with their attempt unused. */
  kill(): void {
    this.#isDraining = true;
    this.#isKilled = true;
    void this.#dispatcher.stop();
    this.#ended.resolve();
  }

  async #close(): Promise<void> {
    clearTimeout(this.#pollTimer);
    clearInterval(this.#lookTimer);
    await this.#session?.heartbeat.stop();
    await this.#dispatcher.stop();
    await Promise.all([this.#links.work.close(), this.#links.side.close()]);
  }

  async #openSession(): Promise<void> {
    const row = { ...this.#options, slots: this.#options.maxWorkers };
    const session = await Session.open(this.#links, row, {
      running: () =>
        this.#dispatcher.longRunning.map(({ posting, seq, attempt }) => ({
          ...{ posting: posting.id, seq, attempt },
        })),
      onBeat: (slots) => this.#onBeat(slots),
      onLost: () => this.#onLost(),
      onSilence: () => this.#onSilence(),
      onRescue: ({ host, poolId, jobs }) =>
        this.#options.log(`pool ${poolId} on ${host} was lost; ${jobs} of its jobs went back`),
      onRefused: (count) => {
        this.#summary.refused += count;
        this.#options.log(`${count} outcomes were refused: their leases had been taken away`);
      },
      onError: (error) => this.#fail(error),
    });
    await session.claimer.refreshRoutes();
    this.#session = session;
    await session.heartbeat.start();
    this.#wake();
  }

  #onBeat(slots: number): void {
    this.#workersOfAllPools = Math.max(slots, this.#options.maxWorkers);
    if (!this.#isSilent) return;
    this.#attempt(async () => {
      await this.#session?.recover();
      this.#isSilent = false;
      this.#options.log("the database answers again");
      this.#wake();
    });
  }

  /** Rule 10: what it holds may be rescued any moment, so its workers must not go on. */
  #onSilence(): void {
    this.#isSilent = true;
    this.#dispatcher.abandon();
    this.#options.log(
      `no heartbeat got through for most of ${this.#options.patienceMs} ms: the workers were ` +
        "stopped, before another pool takes over their jobs",
    );
  }

  #onLost(): void {
    const lost = this.#session;
    if (!lost) return;
    this.#session = null;
    this.#dispatcher.abandon();
    this.#options.log(`pool ${lost.poolId} was declared lost; going on as a new one`);
    this.#attempt(async () => {
      await lost.bury();
      this.#isSilent = false;
      if (this.#isDraining) this.#ended.resolve();
      else await this.#openSession();
    });
  }

  async #giveBack(jobs: readonly HeldJob[]): Promise<void> {
    const back = await this.#session?.giveBack(jobs, () => this.#dispatcher.all);
    this.#summary.gaveBack += back ?? 0;
  }

  /** Looks whether postings of which it has jobs in hand were stopped. */
  #look(): void {
    const session = this.#session;
    const ids = session?.recorder.postings ?? [];
    if (ids.length === 0) return;
    this.#attempt(async () => {
      const stopped = await this.#links.side.ask((db) => findStopped(db, ids));
      const byId = new Map(stopped.map((posting) => [posting.id, posting]));
      if (byId.size === 0 || session !== this.#session) return;
      await this.#giveBack(this.#dispatcher.recall(({ posting }) => byId.has(posting.id)));
      this.#dispatcher.condemn(({ job }) => {
        const posting = byId.get(job.posting.id);
        if (posting?.state !== "cancelled" || !posting.killsRunning) return null;
        const message = posting.reason ?? "the posting was cancelled";
        return { state: "cancelled", error: { name: "Cancelled", message } };
      });
      this.#claim();
    });
  }

  #end(job: HeldJob, end: End, workerPid: number): void {
    if (end.isDone) this.#session?.claimer.learn(job.posting.entryPoint, end.durationMs);
    this.#record(job, end.isDone ? "done" : "failed", end, workerPid);
  }

  #record(
    { leaseId, posting, seq, attempt }: HeldJob,
    end: AttemptEnd,
    { durationMs, agoMs, text, retry, output }: Omit<End, "position" | "isDone">,
    workerPid: number,
  ): void {
    const state = outcomeState(end, attempt, retry === "never" ? attempt : posting.tries);
    const backoffMs = () => retryDelayMs(posting.backoffMs, attempt, Math.random());
    this.#summary[state]++;
    this.#session?.recorder.add({
      ...{ leaseId, postingId: posting.id, seq, attempt, state, durationMs, workerPid },
      endedAt: performance.now() - agoMs,
      result: end === "done" ? text : null,
      error: end === "done" ? null : text,
      stdout: output?.stdout ?? null,
      stderr: output?.stderr ?? null,
      delayMs: state !== "retried" ? null : typeof retry === "number" ? retry : backoffMs(),
    });
    this.#countFailures(posting.id, end, posting.stopAfter);
    if (this.#isDraining) this.#endIfDrained();
  }

  /** A posting whose jobs only fail is stopped, before it wastes a cluster's night. */
  #countFailures(id: number, end: AttemptEnd, stopAfter: number): void {
    if (end !== "failed") {
      this.#failuresInRow.delete(id);
      return;
    }
    const failures = (this.#failuresInRow.get(id) ?? 0) + 1;
    this.#failuresInRow.set(id, failures);
    if (failures !== stopAfter) return;
    const reason = `${failures} attempts in a row failed in one pool`;
    this.#attempt(async () => {
      await this.#session?.recorder.flush(); // the reasons are to be seen when it has stopped
      const held = await this.#links.side.ask((db) =>
        holdPostings(db, [id], "errored_out", reason),
      );
      this.#summary.stopped += held.length;
      this.#options.log(`posting ${id} was stopped: ${reason}`);
      this.#failuresInRow.delete(id);
      this.#look();
    });
  }

  #endIfDrained(): void {
    if (this.#dispatcher.isIdle) this.#ended.resolve();
  }

  get #room(): Room {
    return {
      workers: this.#options.maxWorkers,
      workersOfAllPools: this.#workersOfAllPools,
      idle: this.#dispatcher.idle,
      backlog: this.#dispatcher.backlog,
    };
  }

  /** Claims if there is room, one claim at a time, and looks again after each. */
  #claim(): void {
    const session = this.#session;
    if (!session || this.#isClaiming || this.#isDraining || this.#isSilent) return;
    const room = this.#room;
    const mayAskAll = this.#nothingShort && room.idle > room.backlog;
    if (!session.claimer.hasRoom(room)) return;
    if (performance.now() < this.#nothingUntil && !mayAskAll) return;
    this.#isClaiming = true;
    this.#claimOnce(session, room)
      .catch((error: unknown) => {
        this.#mayHaveUnknown = true;
        this.#pause(againMs);
        this.#fail(error);
      })
      .finally(() => {
        this.#isClaiming = false;
        this.#claim();
      });
  }

  async #claimOnce(session: Session, room: Room): Promise<void> {
    if (this.#mayHaveUnknown) {
      await session.giveBackUnknown();
      this.#mayHaveUnknown = false;
    }
    const { ranges, jobs } = await session.claimer.claim(room);
    if (session !== this.#session) return; // declared lost meanwhile, and its leases with it
    for (const range of ranges) session.recorder.expect(range, range.endSeq - range.firstSeq);
    if (this.#isDraining || this.#isSilent) await this.#giveBack(jobs);
    else if (jobs.length > 0) this.#dispatcher.add(jobs);
    else await this.#rest(session, room);
  }

  /** Nothing was there: waits for a notification, for the next retry, or for the next poll. */
  async #rest(session: Session, room: Room): Promise<void> {
    if (await session.claimer.refreshRoutes()) return;
    const retryMs = await session.claimer.nextRetryMs();
    this.#nothingShort = room.idle <= room.backlog;
    const hasNothing = room.idle === room.workers && this.#dispatcher.isIdle;
    if (this.#options.once && hasNothing && session.recorder.isIdle && retryMs === null) {
      this.#isDraining = true;
      this.#ended.resolve();
      return;
    }
    // A bit of chance, so that many idle pools do not all ask at the same moment.
    const longestMs = this.#options.once ? onceMs : pollMs * (0.75 + Math.random() / 2);
    this.#pause(Math.min(retryMs ?? longestMs, longestMs));
  }

  #pause(ms: number): void {
    this.#nothingUntil = performance.now() + ms;
    clearTimeout(this.#pollTimer);
    this.#pollTimer = setTimeout(() => this.#wake(), ms);
  }

  #wake(): void {
    this.#nothingUntil = 0;
    this.#claim();
  }

  #attempt(work: () => Promise<void>): void {
    work().catch((error: unknown) => this.#fail(error));
  }

  /** A lost connection is waited out: polls and beats try again. Anything else ends the pool. */
  #fail(error: unknown): void {
    if (isConnectionLoss(error)) this.#options.log(`the database: ${String(error)}`);
    else this.#ended.reject(error);
  }
}
