import type { LeasedJob } from "../wire/leased-job.ts";

/** Watches the code that jobs run. */
export interface CodeWatcher {
  /**
   * Whether code has changed that workers may have imported, so that they must be replaced. Called
   * before these jobs are handed out.
   */
  hasChanged(jobs: readonly LeasedJob[]): Promise<boolean>;
  /** Notes that the code of an entry point is missing, and why. False if that was known. */
  noteMissing(entryPoint: string, reason: string): boolean;
  /** Why the code of an entry point is missing; undefined if it is not known to be. */
  reasonFor(entryPoint: string): string | undefined;
  /** Returns, and forgets, the entry points whose missing code may be here by now. */
  takeMended(): Promise<string[]>;
}
