import type { Profile } from "../db/engine/profiles.ts";
import type { AttemptState, OutcomeState } from "../domain/attempt.ts";
import type { Children } from "./children.ts";
import type { FailureWatch } from "./failure-watch.ts";
import type { PoolOptions, PoolSummary } from "./options.ts";
import { Interruption } from "./interruption.ts";
import { pendingOutcome, pendingRun } from "./run/pending-outcome.ts";
import {
  type AttemptListener,
  type DoneAttempts,
  type Termination,
  workerDied,
} from "./run/runner.ts";
import { keptResult, mayExceed } from "./session/kept-result.ts";
import { outcomesOf, pendingOne, type PendingRun } from "./session/outcome-batch.ts";
import type { OutcomeListener } from "./session/recorder.ts";
import type { Meter } from "./session/meter.ts";
import type { Session } from "./session/session.ts";
import type { PoolState } from "./state.ts";
import { jobAt, type JobRun, type LeasedJob, runOfOne } from "./wire/leased-job.ts";
import { type AttemptDetails, type AttemptResult, doneAt } from "./wire/ends.ts";

/** The pool, as its results need it. */
export interface ResultsContext {
  meter: Meter;
  state(): PoolState;
  /** Null while the pool has no row: its leases are gone, and no outcome would be accepted. */
  session(): Session | null;
  /** The postings that running jobs have posted. */
  children: Children;
  /** The ends of attempts at these jobs were passed to the recorder. */
  onRecorded(run: JobRun): void;
  /** Attempts at these jobs have ended by a stop signal: to be released. */
  onInterrupted(run: JobRun): void;
  /** Runs work whose failure the pool handles. */
  attempt(work: () => Promise<void>): Promise<void>;
}

/** The last stage: turns what runners report into outcomes, and counts them. */
export class Results implements AttemptListener, OutcomeListener {
  readonly #pool: ResultsContext;
  readonly #options: Pick<PoolOptions, "log" | "onEnded" | "onEndedRun">;
  readonly #summary: PoolSummary;
  readonly #failureWatch: FailureWatch;
  /** The stop signals of the pool. */
  readonly interruption = new Interruption();

  constructor(
    pool: ResultsContext,
    options: Pick<PoolOptions, "log" | "onEnded" | "onEndedRun">,
    summary: PoolSummary,
    failureWatch: FailureWatch,
  ) {
    this.#pool = pool;
    this.#options = options;
    this.#summary = summary;
    this.#failureWatch = failureWatch;
  }

  onEnd(job: LeasedJob, end: AttemptResult, workerPid: number): void {
    if (!end.isDone && this.#isInterrupted(end)) return this.#interrupted(job);
    const claimer = this.#pool.session()?.claimer;
    if (end.isDone) claimer?.learnDone(job.posting, Float64Array.of(end.durationMs));
    else claimer?.learnFailed(job.posting, end.durationMs);
    if (job.startBy !== null) claimer?.limits.inTime(job.startBy);
    this.#record(job, end.isDone ? "done" : "failed", end, workerPid);
  }

  onDone(done: DoneAttempts, workerPid: number): void {
    const { run } = done;
    const { posting, startBy, count } = run;
    const session = this.#pool.session();
    if (!session) return;
    if (mayExceed(done, posting)) {
      for (let position = 0; position < count; position++) {
        const end = { position, slot: done.slot, ...doneAt(done, position) };
        this.onEnd(jobAt(run, position), end, workerPid);
      }
      return;
    }
    session.claimer.learnDone(posting, done.durationsMs);
    if (startBy !== null) session.claimer.limits.inTime(startBy);
    const pending = pendingRun(done, { workerPid, now: performance.now() });
    this.#summary.done += count;
    session.recorder.add(this.#withChildren(pending, run));
    this.#options.onEndedRun?.(pending, run);
    const { onEnded } = this.#options;
    if (onEnded) outcomesOf(pending).forEach((outcome) => onEnded(outcome));
    this.#failureWatch.passed(posting, true);
    this.#pool.onRecorded(run);
  }

  onTerminated({ job, state, error }: Termination, end: AttemptDetails, workerPid: number): void {
    if (this.#pool.state() === "stopping") return; // its job is released: the attempt is not used
    if (error.name === workerDied && this.#isInterrupted(end)) return this.#interrupted(job);
    this.#pool.meter.terminated(error.name);
    this.#options.log(`job ${job.posting.id}/${job.index}: ${error.message}`);
    this.#record(job, state, end, workerPid);
  }

  onLongJob(): void {
    this.#pool.session()?.heartbeat.hurry();
  }

  onProgress(): void {
    this.#pool.session()?.heartbeat.reportSoon();
  }

  onProfile({ posting }: LeasedJob, profile: Profile): void {
    this.#pool.session()?.profiles.add(posting.id, profile);
  }

  onRefused(count: number): void {
    this.#summary.refused += count;
    this.#options.log(`${count} outcomes were refused: their leases had ended`);
  }

  onReplaced(state: OutcomeState, sentence: string): void {
    this.#options.log(sentence);
    if (state !== "done") return;
    this.#summary.done--;
    this.#summary.failed++;
  }

  onBacklog(sentence: string): void {
    this.#options.log(sentence);
  }

  #record(job: LeasedJob, kind: AttemptState, end: AttemptDetails, workerPid: number): void {
    const session = this.#pool.session();
    if (!session) return;
    const now = performance.now();
    const [keptKind, kept] = keptResult(kind, end, job.posting);
    const ended = pendingOutcome(job, keptKind, kept, { workerPid, now, random: Math.random() });
    this.#summary[ended.state]++;
    const run = runOfOne(job);
    const pending = pendingOne(ended);
    session.recorder.add(this.#withChildren(pending, run));
    this.#options.onEndedRun?.(pending, run);
    this.#options.onEnded?.(ended);
    if (keptKind !== "failed") this.#failureWatch.passed(job.posting, keptKind === "done");
    else void this.#pool.attempt(() => this.#failureWatch.failed(session, job, ended.state));
    this.#pool.onRecorded(run);
  }

  #isInterrupted(end: AttemptDetails): boolean {
    return this.interruption.explains(end, performance.now());
  }

  #interrupted(job: LeasedJob): void {
    const { posting, index } = job;
    this.#options.log(`job ${posting.id}/${index}: ended by the stop signal, and released`);
    const run = runOfOne(job);
    this.#pool.children.take(run); // its next attempt posts them again
    this.#pool.onInterrupted(run);
  }

  #withChildren(pending: PendingRun, run: JobRun): PendingRun {
    const children = this.#pool.children.take(run);
    return children.length > 0 ? { ...pending, children } : pending;
  }
}
