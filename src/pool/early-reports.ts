import type { RunningJob } from "../db/engine/pools.ts";
import type { Runner } from "./run/runner.ts";
import { countJobs, isOfRun, type JobRun, jobsOf, type LeasedJob } from "./wire/leased-job.ts";

/**
 * Jobs that were reported as running before a worker got them. A job may kill its pool as soon as
 * it starts, before a heartbeat reports it. The database must know by then which job it was.
 */
export class EarlyReports {
  readonly #jobs = new Set<LeasedJob>();
  #isReporting = false;

  /**
   * Whether to report these jobs first: their entry point is still unknown, or an attempt has
   * failed before. All of them must be about to start; otherwise a loss of the pool would be
   * charged to jobs that had not started.
   */
  isNeeded(
    runs: readonly JobRun[],
    { idle, isKnown }: { idle: number; isKnown: (entryPoint: string) => boolean },
  ): boolean {
    if (runs.length === 0 || countJobs(runs) > idle) return false;
    return runs.some(({ posting, attempt }) => attempt > 1 || !isKnown(posting.entryPoint));
  }

  async report(runs: readonly JobRun[], report: () => Promise<void>): Promise<void> {
    for (const job of jobsOf(runs)) this.#jobs.add(job);
    this.#isReporting = true;
    try {
      await report();
    } finally {
      this.#isReporting = false;
    }
  }

  ended(run: JobRun): void {
    for (const job of this.#jobs) if (isOfRun(run, job)) this.#jobs.delete(job);
  }

  /** The long-running jobs, and the reported jobs that have not ended. */
  running({ longRunning, all }: Pick<Runner, "longRunning" | "all">): RunningJob[] {
    if (this.#jobs.size === 0) return longRunning;
    const running = [...longRunning];
    for (const job of this.#jobs) {
      const { posting, seq, attempt } = job;
      if (!this.#isReporting && !all.some((run) => isOfRun(run, job)))
        this.#jobs.delete(job); // it was released
      else if (!longRunning.some((other) => other.posting === posting.id && other.seq === seq))
        running.push({ posting: posting.id, seq, attempt });
    }
    return running;
  }
}
