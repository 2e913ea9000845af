import type { JobRun } from "../wire/leased-job.ts";

/** Watches the code of jobs. */
export interface CodeWatcher {
  /**
   * Begins to look for changes, while jobs are claimed of postings that are known to be committed:
   * `hasChanged` of these jobs has the result, and need not look again.
   */
  begin(): void;
  /**
   * Whether code has changed that workers may have imported, so that they must be replaced. Called
   * before these jobs are passed to workers.
   */
  hasChanged(runs: readonly JobRun[]): Promise<boolean>;
  /**
   * Remembers that the code of an entry point is missing, with the reason. False if that was known.
   */
  noteMissing(entryPoint: string, reason: string): boolean;
  /** The reason why the code of an entry point is missing; undefined if it is not known to be. */
  reasonFor(entryPoint: string): string | undefined;
  /** Returns, and forgets, the entry points whose missing code may be here by now. */
  takeMended(): Promise<string[]>;
}
