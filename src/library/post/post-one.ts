import type { JobFunction, PostedArgs } from "../../job/job-mark.ts";
import type { Posting } from "../posting/posting.ts";
import { type PostOptions, postUntyped, type ResultOf } from "./post-work.ts";

/** The options of one job. */
export interface JobPostOptions extends PostOptions {
  /** Jobs with a higher priority run first: a 32-bit integer (default: 0). */
  priority?: number | undefined;
}

/**
 * Posts one job, a call of `fn` with `args`: as `postWork(fn, [args])`, with the same errors.
 *
 * @example const posting = await post(thumbnail, ["a.jpg", { width: 200 }]);
 * @example const posting = await post("thumbnail.ts#thumbnail", ["a.jpg", { width: 200 }]);
 */
export async function post(
  entryPoint: string,
  args: readonly unknown[],
  options?: JobPostOptions,
): Promise<Posting>;
export async function post<F extends JobFunction>(
  fn: F | string,
  args: Readonly<PostedArgs<F>>,
  options?: JobPostOptions,
): Promise<Posting<ResultOf<F>>>;
export async function post(
  fn: JobFunction | string,
  args: readonly unknown[],
  options: JobPostOptions = {},
): Promise<Posting> {
  return await postUntyped(fn, [args], [], options);
}
