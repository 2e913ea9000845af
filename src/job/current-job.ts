import { AsyncLocalStorage } from "node:async_hooks";

import type { ChildOptions } from "../domain/child-options.ts";
import type { JobFunction, PostedArgs } from "./job-mark.ts";
import type { Upstream } from "./upstream.ts";

/** Lists of arguments, one for each job. */
export type ArgumentLists<Args extends readonly unknown[] = readonly unknown[]> =
  Iterable<Readonly<Args>> | AsyncIterable<Readonly<Args>>;

/** What a job has taken of one resource of its pool. */
export interface JobResource {
  /** As in its needs; of memory, in bytes. */
  readonly amount: number;
  /** The devices that it has, if the resource consists of devices. */
  readonly devices?: readonly string[];
}

/** The running job, for its own code. */
export interface CurrentJob {
  /** `POSTING/INDEX`, such as "42/7": its name in `pdoflow jobs`. */
  readonly id: string;
  /** The number of its posting. */
  readonly posting: number;
  /** Its index in the posting, from 0. */
  readonly index: number;
  /** The number of this attempt, from 1. */
  readonly attempt: number;
  /**
   * Aborted when the job's posting is cancelled and when the job has run longer than its timeout;
   * its `reason` is an Error named "Cancelled" or "Timeout". A job that has read this property has
   * a second to end by itself (or `graceMs`, if that is shorter) before it is killed.
   */
  readonly signal: AbortSignal;
  /**
   * The path of a folder for this attempt alone, in the temporary folder of the system: created on
   * first use, and removed with its contents when the attempt has ended.
   */
  readonly tempFolder: string;
  /**
   * The posting whose results this job reads, if it was posted with `gather`, `reduce` or
   * `pdoflow post --gather`.
   *
   * @throws {GathersNothing} it was posted in another way.
   */
  readonly upstream: Upstream;
  /**
   * The schedule that posted this job, and the time for which it did so, without jitter; null if it
   * was posted in another way.
   */
  readonly schedule: { readonly name: string; readonly nominalAt: Date } | null;
  /**
   * The W3C trace context of this attempt, as the parent for spans of your own; of the posting, if
   * the pool sends no traces; null if that has none (docs/metrics.md).
   */
  readonly traceparent: string | null;
  /**
   * What the job has taken of its pool, by name: `{ cpus: { amount: 4 }, gpu: { amount: 1, devices:
   * ["2"] } }`. Empty if it was posted without needs that count.
   */
  readonly resources: Readonly<Record<string, JobResource>>;
  /**
   * Reports the progress of the job, for `pdoflow jobs` and the dashboard: `share` from 0 to 1, and
   * a short note. You can call it as often as you like: it is sent at most a few times a second.
   *
   * @throws {RangeError} `share` is not a number from 0 to 1.
   */
  progress(share: number, note?: string): void;
  /**
   * Posts one job for each list of arguments in `rows`, and returns the number of the posting. Its
   * jobs start once this attempt has ended well; if it fails, is killed or is cancelled, they never
   * exist. So a job that ran three times has posted once. docs/flows.md has the limits.
   *
   * @example await currentJob()?.post(measure, stars.map((star) => [star]));
   * @throws {FatalError} a limit or an option: another attempt would fail in the same way.
   */
  post<F extends JobFunction>(
    fn: F,
    rows: ArgumentLists<PostedArgs<F>>,
    options?: ChildOptions,
  ): Promise<number>;
  post(fn: string, rows: ArgumentLists, options?: ChildOptions): Promise<number>;
  /** Prints a line of the job's own output, to its stderr. Formats like console.error. */
  log(...values: unknown[]): void;
}

const storeKey = Symbol.for("pdoflow.current-job.v1");

/** Global, because the worker and the job may each have a copy of pdoflow. */
function store(): AsyncLocalStorage<CurrentJob> {
  const registry = globalThis as { [storeKey]?: AsyncLocalStorage<CurrentJob> };
  return (registry[storeKey] ??= new AsyncLocalStorage());
}

/**
 * The job that called this code, however deep, also after an await; undefined outside of a job, if
 * a function that `job` marked is called directly.
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
