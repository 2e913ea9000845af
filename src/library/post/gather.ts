import type { JobFunction, PostedArgs } from "../../job/job-mark.ts";
import type { Posting } from "../posting/posting.ts";
import type { PostOptions, ResultOf } from "./post-work.ts";

/** The options of jobs that read the results of a posting. */
export interface GatherOptions<F extends JobFunction> extends Omit<PostOptions, "priority"> {
  /** Jobs with a higher priority run first: a 32-bit integer (default: 0). */
  priority?: number | undefined;
  /**
   * Start although this number of results is missing, or this percentage such as `"1%"`, because
   * their jobs have failed or were cancelled (default: 0).
   */
  tolerate?: number | `${number}%` | undefined;
  /** The arguments of each job (default: none). */
  with?: Readonly<PostedArgs<F>> | undefined;
}

/** Functions without parameters need no `with`; otherwise it is required. */
export type Given<F extends JobFunction, Options extends object = GatherOptions<F>> =
  Readonly<PostedArgs<F>> extends readonly []
    ? [options?: Options]
    : [] extends Readonly<PostedArgs<F>>
      ? [options?: Options]
      : [options: Options & { with: Readonly<PostedArgs<F>> }];

/**
 * Posts one job that reads all results of a posting with `currentJob().upstream.results()`, once
 * all of its jobs are done. `posting` may still run, or have ended long ago.
 *
 * @example
 * const posting = await postWork(measure, files);
 * const table = await gather(posting, combine);
 * @throws {QueueRefused} the posting keeps no results (`keepsResults: false`), or was removed.
 * @throws as `postWork`.
 */
export async function gather(
  posting: Posting,
  entryPoint: string,
  options?: GatherOptions<(...args: unknown[]) => unknown>,
): Promise<Posting>;
export async function gather<F extends JobFunction>(
  posting: Posting,
  fn: F | string,
  ...options: Given<F>
): Promise<Posting<ResultOf<F>>>;
export async function gather(
  posting: Posting,
  fn: JobFunction | string,
  options: GatherOptions<JobFunction> = {},
): Promise<Posting> {
  const { postGathering } = await import("./post.ts");
  return await postGathering(fn, { posting, groupSize: null }, options);
}

/**
 * Posts a tree of jobs that reduce the results of a posting: each job of the first level reads
 * `size` results, each job of the next level `size` results of those, until one job is left, whose
 * posting this returns. All levels are posted, or none.
 *
 * @example
 * const total = await reduce(await postWork(count, files), 1_000, sum);
 * @throws as `gather`.
 */
export async function reduce(
  posting: Posting,
  size: number,
  entryPoint: string,
  options?: GatherOptions<(...args: unknown[]) => unknown>,
): Promise<Posting>;
export async function reduce<F extends JobFunction>(
  posting: Posting,
  size: number,
  fn: F | string,
  ...options: Given<F>
): Promise<Posting<ResultOf<F>>>;
export async function reduce(
  posting: Posting,
  size: number,
  fn: JobFunction | string,
  options: GatherOptions<JobFunction> = {},
): Promise<Posting> {
  const { postGathering } = await import("./post.ts");
  return await postGathering(fn, { posting, groupSize: size }, options);
}
