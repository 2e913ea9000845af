import type { NewPool } from "../db/engine/pools.ts";
import type { OutcomeState } from "../domain/attempt.ts";
import type { CodeWatcher } from "./entry/code-watcher.ts";
import type { Runner, RunnerContext } from "./run/runner.ts";
import type { MachinePart } from "./session/neighbours.ts";
import type { PendingOutcome, PendingRun } from "./session/outcome-batch.ts";
import type { JobRun } from "./wire/leased-job.ts";
import type { AdmissionPolicy } from "./trust/admission-policy.ts";

export interface PoolOptions extends Omit<NewPool, "slots">, MachinePart {
  /** The number of jobs that may run at a time. */
  maxWorkers: number;
  makeRunner: (context: RunnerContext) => Runner;
  /** End when nothing is left to run, including retries. May change from false to true. */
  once: boolean;
  /** End after this long without a job; null for never. */
  idleTimeoutMs: number | null;
  /** End after this long, and claim no job that is expected to take longer; null for never. */
  lifetimeMs: number | null;
  /** When draining, kill jobs that still run after this long; null for never. */
  graceMs: number | null;
  /** One in N claims goes to the oldest open lane; 0 for none. */
  oldestEvery: number;
  /**
   * What becomes of running jobs if no heartbeat gets through (rule 10): they are stopped, or go
   * on, and are recorded if no other pool has taken them over by then.
   */
  onDatabaseLost: "stop" | "finish";
  codeWatch: CodeWatcher;
  /** Which jobs may run; null for all. */
  policy: AdmissionPolicy | null;
  log: (line: string) => void;
  /** Called for attempts at the jobs of a run that have ended, before they are recorded. */
  onEndedRun?: (ended: PendingRun, run: JobRun) => void;
  /** Called for each attempt that has ended, before it is recorded. */
  onEnded?: (ended: PendingOutcome) => void;
}

/** The defaults of a pool. */
export const poolDefaults = {
  provides: {},
  posters: null,
  policy: null,
  heartbeatTimeoutMs: 15_000,
  onDatabaseLost: "stop",
  oldestEvery: 10,
  once: false,
  idleTimeoutMs: null,
  lifetimeMs: null,
  graceMs: null,
} satisfies Partial<PoolOptions>;

/** The counts of a pool's whole life: attempts by state, and more. */
export interface PoolSummary extends Record<OutcomeState, number> {
  /** Outcomes that the database refused because their leases had ended. */
  refused: number;
  /** Jobs that were released without an attempt. */
  released: number;
  /** Jobs of lost pools that have failed for good, because they had used up their attempts. */
  failedByLoss: number;
  /** Postings that were stopped because their jobs failed. */
  stopped: number;
  /** Whether there are postings left that this pool does not admit. */
  refusesAny: boolean;
}

export const emptySummary = (): PoolSummary => ({
  done: 0,
  failed: 0,
  retried: 0,
  cancelled: 0,
  refused: 0,
  released: 0,
  failedByLoss: 0,
  stopped: 0,
  refusesAny: false,
});
