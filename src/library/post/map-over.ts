import type { JobFunction, PostedArgs } from "../../job/job-mark.ts";
import type { Posting } from "../posting/posting.ts";
import type { PostOptions, ResultOf } from "./post-work.ts";

/** The arguments of a call of `F` after the first one. */
type OtherArgs<F extends JobFunction> =
  PostedArgs<F> extends readonly [unknown?, ...infer Tail] ? Readonly<Tail> : readonly unknown[];

/** The options of jobs whose first arguments are the results of a posting. */
export interface OverOptions<F extends JobFunction> extends Omit<PostOptions, "priority"> {
  /** Jobs with a higher priority run first: a 32-bit integer (default: 0). */
  priority?: number | undefined;
  /** The arguments of each job after the first one (default: none). */
  with?: OtherArgs<F> | undefined;
}

/** The type of impossible options: its name is the message for a function that does not fit. */
interface ResultMisfit {
  "the results of the posting do not fit the first parameter of the function": never;
}

/** Functions with one parameter need no `with`; otherwise it is required. */
export type GivenOver<R, F extends JobFunction, Options extends object = OverOptions<F>> = [
  R,
] extends [PostedArgs<F>[0]]
  ? [] extends OtherArgs<F>
    ? [options?: Options]
    : [options: Options & { with: OtherArgs<F> }]
  : [options: Options & ResultMisfit];

/**
 * Posts a job for each job of a posting, with its result as the first argument. Job i starts once
 * job i of `posting` is done, while others are still running. Posting takes a millisecond, however
 * many jobs there are. `posting` may also have ended long ago.
 *
 * @example
 * const frames = await postWork(reduce, files);
 * const stars = await mapOver(frames, measure, { with: [0.5] });
 * @throws {QueueRefused} the posting keeps no results (`keepsResults: false`), or was removed.
 * @throws as `postWork`.
 */
export async function mapOver(
  posting: Posting,
  entryPoint: string,
  options?: OverOptions<(...args: unknown[]) => unknown>,
): Promise<Posting>;
export async function mapOver<R, F extends JobFunction>(
  posting: Posting<R>,
  fn: F | string,
  ...options: GivenOver<R, F>
): Promise<Posting<ResultOf<F>>>;
export async function mapOver(
  posting: Posting,
  fn: JobFunction | string,
  options: OverOptions<JobFunction> = {},
): Promise<Posting> {
  const { postOver } = await import("./post.ts");
  return await postOver(fn, posting, options);
}
