import type { NewPool } from "../db/engine/pools.ts";
import type { OutcomeState } from "../domain/attempt.ts";
import type { LeasedJob } from "./wire/leased-job.ts";
import type { EndedAttempt } from "./session/outcome-batch.ts";
import type { Runner, RunnerListener } from "./run/runner.ts";
import type { Judge } from "./trust/admission-policy.ts";

/** Looks after the code that jobs run. */
export interface CodeWatcher {
  /**
   * Whether code has changed that workers may have imported, before these jobs are handed out: the
   * workers are replaced then.
   */
  hasChanged(jobs: readonly LeasedJob[]): Promise<boolean>;
  /** Notes that an entry point has no code here, and why. False where that was known. */
  lack(entryPoint: string, reason: string): boolean;
  /** Why an entry point has no code here; undefined where that is not known. */
  reasonFor(entryPoint: string): string | undefined;
  /** The entry points that had no code here, and may have by now: they are forgotten. */
  mended(): Promise<string[]>;
}

export interface PoolOptions extends Omit<NewPool, "slots"> {
  /** How many jobs it runs at a time. */
  maxWorkers: number;
  makeRunner: (listener: RunnerListener) => Runner;
  /** End when nothing is left to run, retries included. */
  once: boolean;
  /** End when there was nothing to run for so long; null for never. */
  idleTimeoutMs: number | null;
  /** End after so long, and take no jobs that can't be expected to end before; null for never. */
  lifetimeMs: number | null;
  /** When it drains, how long jobs that run have to end before they are killed; null for ever. */
  graceMs: number | null;
  /** One claim in so many goes to the oldest open lane; 0 for none. */
  oldestEvery: number;
  codeWatch: CodeWatcher;
  /** What it may run; absent where it runs all that it may claim. */
  trust?: Judge | null;
  log: (line: string) => void;
  /** PoolReport of each attempt that has ended, before it is recorded. */
  onEnded?: (ended: EndedAttempt) => void;
}

export const nothingDone = (): PoolSummary => ({
  done: 0,
  failed: 0,
  retried: 0,
  cancelled: 0,
  refused: 0,
  released: 0,
  stopped: 0,
  refusesAny: false,
});

/** What a pool did in its life: attempts by how they ended, and the rest. */
export interface PoolSummary extends Record<OutcomeState, number> {
  /** Outcomes that came after their lease had been taken away. */
  refused: number;
  released: number;
  /** Postings that it stopped because their jobs failed. */
  stopped: number;
  /** Whether postings are left that it does not run. */
  refusesAny: boolean;
}
