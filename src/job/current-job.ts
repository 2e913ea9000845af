import { AsyncLocalStorage } from "node:async_hooks";

/** The job that runs, as its own code sees it. */
export interface CurrentJob {
  /** `POSTING/INDEX`, as in "42/7": what `pdoflow jobs` calls it. */
  readonly id: string;
  /** The number of its posting. */
  readonly posting: number;
  /** Its place among the jobs that were posted, from 0. */
  readonly index: number;
  /** Which try this is, from 1. */
  readonly attempt: number;
  /**
   * Aborted when the job's posting is cancelled and when the job has run longer than its timeout;
   * its `reason` is an Error named "Cancelled" or "Timeout". A job that has asked for it has a
   * second to end by itself (or `graceMs`, if that is shorter) before it is killed.
   */
  readonly signal: AbortSignal;
  /**
   * The path of a folder for this attempt alone, in the temp folder of the system: made on
   * first use, and removed with its contents when the attempt has ended.
   */
  readonly tempFolder: string;
  /**
   * Reports the progress of the job, for `pdoflow jobs` and the dashboard: `share` from 0 to 1, and
   * a few words. Call it as often as you like: it is sent at most a few times a second.
   *
   * @throws {RangeError} `share` is no number from 0 to 1.
   */
  progress(share: number, note?: string): void;
  /** Prints a line of the job's own output, to its stderr. Formats as console.error does. */
  log(...values: unknown[]): void;
}

const storeKey = Symbol.for("pdoflow.current-job.v1");

/** Global, since the worker and the job may each have a copy of pdoflow. */
function store(): AsyncLocalStorage<CurrentJob> {
  const place = globalThis as { [storeKey]?: AsyncLocalStorage<CurrentJob> };
  return (place[storeKey] ??= new AsyncLocalStorage());
}

/**
 * The job that this code is called by, however deep, also after an await; undefined outside of one,
 * where a function that `job` marked is called as any other.
 *
 * @example currentJob()?.progress(0.4, "fitting");
 * @example await fetch(url, { signal: currentJob()?.signal });
 */
export const currentJob = (): CurrentJob | undefined => store().getStore();

/** @internal Calls `work` as the given job. */
export const asJob = <T>(job: CurrentJob, work: () => T): T => store().run(job, work);

const longestNote = 200;

/** @internal The note of a job on its progress, as text for jsonb, at most one line. */
export const noteText = (note: unknown): string =>
  String(note)
    .slice(0, longestNote)
    .replaceAll(/\p{Cc}+/gu, " ")
    .toWellFormed();
