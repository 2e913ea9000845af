import type { LiveOutput } from "../../db/engine/follow.ts";
import type { RunningJob } from "../../db/engine/pools.ts";
import { surplus } from "../../domain/chunk-size.ts";
import type { Resources } from "../../domain/job-class.ts";
import { Backlog } from "../wire/backlog.ts";
import type { JobRun, LeasedJob } from "../wire/leased-job.ts";
import type { LeasedRun } from "../wire/leased-run.ts";
import type { JobProgress } from "../worker/job-context.ts";
import { longMs, type Runner, type RunnerContext, type TerminationReason } from "./runner.ts";

export const watchEveryMs = 50;

/** A running job, as its runner sees it. */
export interface RunningAttempt {
  job: LeasedJob;
  /** When it was first seen, on the performance clock. */
  since: number;
  /** Its reported progress. */
  progress: JobProgress | null;
}

/** The common part of both runners: backlog, watch over running jobs, return of surplus jobs. */
export abstract class BaseRunner<R extends RunningAttempt> implements Runner {
  protected readonly context: RunnerContext;
  protected readonly jobs = new Backlog();
  /** Null once the runner has been stopped. */
  #watchTimer: NodeJS.Timeout | null;

  constructor(context: RunnerContext) {
    this.context = context;
    this.#watchTimer = setInterval(() => this.#watch(), watchEveryMs);
  }

  abstract readonly resources: Resources | null;
  abstract readonly idle: number;
  abstract readonly busy: number;
  /** The jobs that workers have. */
  protected abstract readonly handedOut: LeasedRun[];
  /** The size of the arguments that are kept of these jobs. */
  protected abstract readonly handedOutBytes: number;
  /** The jobs that run now and are not being terminated. */
  protected abstract running(now: number): R[];
  protected abstract terminateOne(running: R, reason: TerminationReason): void;
  /** How many workers run such jobs at a time. */
  protected abstract workersFor(run: JobRun): number;
  /** L4: how many more workers may have jobs of the lease of these. */
  protected abstract room(run: JobRun | undefined): number;
  /** Starts jobs of the backlog on idle workers. */
  protected abstract fill(): void;
  /** Takes unstarted jobs back from the workers. */
  protected abstract takeUnstarted(): LeasedRun[];
  /** Called every `watchEveryMs`, before workers are filled. */
  protected abstract tend(running: readonly R[], now: number): void;
  abstract output(postings: readonly number[]): LiveOutput[];
  abstract replaceWorkers(): void;
  abstract abandon(): void;
  abstract stop(how?: { isGraceful: boolean }): Promise<void>;

  get backlog(): number {
    return this.jobs.ready((first) => this.room(first));
  }

  get bytes(): number {
    return this.handedOutBytes + this.jobs.bytes;
  }

  get all(): LeasedRun[] {
    return [...this.handedOut, ...this.jobs.all];
  }

  get isIdle(): boolean {
    return this.jobs.count === 0 && this.busy === 0;
  }

  get longRunning(): RunningJob[] {
    const now = performance.now();
    return this.running(now)
      .filter(({ since }) => now - since >= longMs)
      .map(({ job: { posting, seq, attempt }, since, progress }) => ({
        posting: posting.id,
        seq,
        attempt,
        ms: Math.round(now - since),
        ...(progress && { progress: progress.share, note: progress.note }),
      }));
  }

  isWaiting(postingId: number): boolean {
    return this.jobs.has(postingId);
  }

  add(jobs: readonly LeasedRun[]): void {
    this.jobs.push(jobs);
    this.fill();
  }

  withdraw(isWanted: (run: JobRun) => boolean): JobRun[] {
    const all = [...this.takeUnstarted(), ...this.jobs.all];
    this.jobs.clear();
    this.jobs.push(all.filter((run) => !isWanted(run)));
    return all.filter(isWanted);
  }

  terminate(reasonFor: (running: R) => TerminationReason | null): void {
    for (const running of this.running(performance.now())) {
      const reason = reasonFor(running);
      if (reason) this.terminateOne(running, reason);
    }
  }

  protected get isStopped(): boolean {
    return this.#watchTimer === null;
  }

  protected stopWatching(): void {
    if (this.#watchTimer) clearInterval(this.#watchTimer);
    this.#watchTimer = null;
  }

  #watch(): void {
    const now = performance.now();
    const running = this.running(now);
    this.terminate(({ job, since }) => timedOut(job, now - since));
    if (running.some(({ since }) => isNewlyLong(now - since))) this.context.attempts.onLongJob();
    this.tend(running, now);
    this.fill(); // the pool may not have allowed it before
    const jobs = this.#takeSurplus();
    if (jobs.length > 0) this.context.supply.onReturned(jobs, "surplus");
  }

  #takeSurplus(): readonly JobRun[] {
    const { last } = this.jobs;
    const first = last?.first;
    if (!first) return [];
    const { supply } = this.context;
    const { runningLimit } = first;
    // With a limit other pools may have to wait for these jobs, and the limit may have changed.
    if (runningLimit === null && !supply.hasPeers()) return [];
    const waiting = runningLimit === null ? this.backlog : last.count;
    const time = supply.jobTime(first.posting.entryPoint);
    const count = surplus(time, waiting, runningLimit ?? this.workersFor(first));
    return count === 0 ? [] : this.jobs.takeLast(count);
  }
}

/** True in one or two rounds of the watch. */
const isNewlyLong = (ageMs: number): boolean =>
  ageMs >= longMs && ageMs < longMs + watchEveryMs * 1.5;

/** The reason to stop a job that has been running for `ageMs`; null if it may continue. */
function timedOut({ posting }: LeasedJob, ageMs: number): TerminationReason | null {
  const { timeoutMs } = posting;
  if (timeoutMs === null || ageMs < timeoutMs) return null;
  const message = `the job ran longer than its timeout of ${timeoutMs} ms, and was stopped`;
  return { state: "failed", error: { name: "Timeout", message } };
}
