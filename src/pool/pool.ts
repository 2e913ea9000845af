import { type Db, isConnectionLoss } from "../db/connect.ts";
import { giveBack, type LeasedRange } from "../db/leases.ts";
import { finishStragglers, foldProgress } from "../db/outcomes.ts";
import { beat, markDraining, type NewPool, registerPool, retirePool } from "../db/pools.ts";
import { type AttemptEnd, outcomeState } from "../domain/attempt.ts";
import { retryDelayMs } from "../domain/backoff.ts";
import { Claimer, type Room } from "./claimer.ts";
import { Dispatcher, type HeldJob } from "./dispatcher.ts";
import type { End } from "./protocol.ts";
import { Recorder } from "./recorder.ts";
import type { WorkerOptions } from "./worker-process.ts";

export interface PoolOptions extends Omit<NewPool, "slots"> {
  maxWorkers: number;
  worker: WorkerOptions;
  /** End when nothing is left to run, retries included. */
  once: boolean;
  log: (line: string) => void;
}

/** What a pool did in its life. */
export interface PoolSummary {
  done: number;
  failed: number;
  retried: number;
  refused: number;
  gaveBack: number;
}

const pollMs = 2_000;
const beatMs = 5_000;
const stopGraceMs = 5_000;

/**
 * One pool: claims jobs, hands them to its workers, records their outcomes. It works with two
 * connections, one for LISTEN and one for everything else. The only owner of mutable state is
 * this process; all that must survive it is in the database.
 */
export class Pool {
  readonly #db: Db;
  readonly #options: PoolOptions;
  readonly #summary: PoolSummary = { done: 0, failed: 0, retried: 0, refused: 0, gaveBack: 0 };
  readonly #ended = Promise.withResolvers<void>();
  #claimer: Claimer;
  #recorder: Recorder;
  #dispatcher: Dispatcher;
  #poolId: number;
  #workersOfAllPools: number;
  #isClaiming = false;
  #isDraining = false;
  #isKilled = false;
  /** Nothing could be claimed; not to be tried again before this (performance clock). */
  #nothingUntil = 0;
  /** …but that was asked for jobs known to be short only, since no worker was idle. */
  #nothingShort = false;
  #pollTimer: Timer | undefined;
  #beating: Timer | undefined;

  private constructor(db: Db, options: PoolOptions, poolId: number) {
    this.#db = db;
    this.#options = options;
    this.#poolId = poolId;
    this.#workersOfAllPools = options.maxWorkers;
    this.#claimer = new Claimer(db, poolId);
    this.#recorder = new Recorder(db, poolId, {
      onRefused: (count) => {
        this.#summary.refused += count;
        options.log(`${count} outcomes were refused: their leases had been taken away`);
      },
      onError: (error) => this.#fail(error),
    });
    this.#dispatcher = new Dispatcher(options.maxWorkers, options.worker, {
      onEnd: (job, end, pid) => this.#end(job, end, pid),
      onLost: (job, reason, pid) => {
        if (this.#isKilled) return; // its attempt is unused: finished() gives it back
        options.log(`job ${job.posting.id}/${job.seq}: ${reason.message}`);
        this.#end(job, [0, false, 0, 0, JSON.stringify(reason)], pid);
      },
      onHungry: () => this.#claim(),
      jobTime: (entryPoint) => this.#claimer.jobTime(entryPoint),
    });
  }

  /** Registers a pool, starts its workers, and begins to claim. */
  static async start(db: Db, options: PoolOptions): Promise<Pool> {
    const poolId = await registerPool(db, { ...options, slots: options.maxWorkers });
    const pool = new Pool(db, options, poolId);
    await pool.#claimer.refreshRoutes();
    await pool.#beat();
    pool.#beating = setInterval(() => void pool.#beat(), beatMs);
    if (!options.once) await pool.#listen();
    pool.#claim();
    return pool;
  }

  /** Resolves when the pool has ended and its workers are gone. Rejects for what it can't survive. */
  async finished(): Promise<PoolSummary> {
    try {
      await this.#ended.promise;
      await this.#recorder.flush();
      this.#summary.gaveBack += await giveBack(this.#db, this.#poolId, this.#recorder.leases);
      await retirePool(this.#db, this.#poolId);
      return this.#summary;
    } finally {
      clearInterval(this.#beating);
      clearTimeout(this.#pollTimer);
      await this.#dispatcher.stop(stopGraceMs);
    }
  }

  /** Claims no more, gives back what has not started, and ends when what runs has ended. */
  drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#giveBackUnstarted().catch((error: unknown) => this.#fail(error));
  }

  async #giveBackUnstarted(): Promise<void> {
    const unstarted = this.#dispatcher.recall(() => true);
    await markDraining(this.#db, this.#poolId);
    await this.#recorder.flush();
    await this.#giveBack(unstarted);
    this.#endIfDone();
  }

  /** Ends now: kills the workers. The jobs that they ran go back with their attempt unused. */
  kill(): void {
    this.#isDraining = true;
    this.#isKilled = true;
    this.#dispatcher.kill();
    this.#ended.resolve();
  }

  /** Gives back jobs that this pool holds and that no worker has started. */
  async #giveBack(jobs: readonly HeldJob[]): Promise<void> {
    if (jobs.length === 0) return;
    for (const job of jobs)
      this.#recorder.forget({ leaseId: job.leaseId, postingId: job.posting.id });
    const leases = new Set(jobs.map((job) => job.leaseId));
    const kept = this.#dispatcher.started().filter((job) => leases.has(job.leaseId));
    const keep = kept.map((job): LeasedRange => ({
      leaseId: job.leaseId,
      postingId: job.posting.id,
      firstSeq: job.seq,
      endSeq: job.seq + 1,
      attempt: job.attempt,
    }));
    this.#summary.gaveBack += await giveBack(this.#db, this.#poolId, [...leases], keep);
  }

  #end(job: HeldJob, [, isDone, durationMs, agoMs, text]: End, workerPid: number): void {
    const end: AttemptEnd = isDone ? "done" : "failed";
    const { posting, attempt } = job;
    const state = outcomeState(end, attempt, posting.tries);
    if (isDone) this.#claimer.learn(posting.entryPoint, durationMs);
    if (state !== "cancelled") this.#summary[state]++;
    this.#recorder.add({
      leaseId: job.leaseId,
      postingId: posting.id,
      seq: job.seq,
      attempt,
      state,
      endedAt: performance.now() - agoMs,
      durationMs,
      workerPid,
      result: isDone ? text : null,
      error: isDone ? null : text,
      delayMs: state === "retried" ? retryDelayMs(posting.backoffMs, attempt, Math.random()) : null,
    });
    if (this.#isDraining) this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#dispatcher.inHand === 0 && this.#dispatcher.backlog === 0) this.#ended.resolve();
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
    const room = this.#room;
    const mayAskAll = this.#nothingShort && room.idle > room.backlog;
    if (this.#isClaiming || this.#isDraining || !this.#claimer.hasRoom(room)) return;
    if (performance.now() < this.#nothingUntil && !mayAskAll) return;
    this.#isClaiming = true;
    this.#claimOnce(room)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#isClaiming = false;
        this.#claim();
      });
  }

  async #claimOnce(room: Room): Promise<void> {
    const { ranges, jobs } = await this.#claimer.claim(room);
    for (const range of ranges) this.#recorder.expect(range, range.endSeq - range.firstSeq);
    if (this.#isDraining) await this.#giveBack(jobs);
    else if (jobs.length > 0) this.#dispatcher.add(jobs);
    else await this.#rest(room);
  }

  /** Nothing was there: waits for a notification, for the next retry, or for the next poll. */
  async #rest(room: Room): Promise<void> {
    if (await this.#claimer.refreshRoutes()) return;
    const retryMs = await this.#claimer.nextRetryMs();
    this.#nothingShort = room.idle <= room.backlog;
    const hasNothing = room.idle === room.workers && this.#dispatcher.inHand === 0;
    if (this.#options.once && hasNothing && this.#recorder.isIdle && retryMs === null) {
      this.#isDraining = true;
      this.#ended.resolve();
      return;
    }
    // A bit of chance, so that many idle pools do not all ask at the same moment.
    const longestMs = this.#options.once ? 50 : pollMs * (0.75 + Math.random() / 2);
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

  async #listen(): Promise<void> {
    const channel = `${this.#db.target.schema}.posted`;
    // Called again after each reconnection: what was notified meanwhile is lost, so look.
    await this.#db.sql.listen(
      channel,
      () => this.#wake(),
      () => this.#wake(),
    );
  }

  async #beat(): Promise<void> {
    try {
      const { slots } = await beat(this.#db, this.#poolId);
      this.#workersOfAllPools = Math.max(slots, this.#options.maxWorkers);
      await this.#claimer.refreshRoutes();
      await foldProgress(this.#db);
      await finishStragglers(this.#db);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A lost connection is waited out; anything else is a fault that ends the pool. */
  #fail(error: unknown): void {
    if (isConnectionLoss(error)) {
      this.#options.log(`the connection to the database was lost: ${String(error)}`);
      this.#pause(500);
    } else {
      this.#ended.reject(error);
    }
  }
}
