import { entryPointOf } from "../../job/job-entry-point.ts";
import { type JobFunction, markedJobs } from "../../job/job-mark.ts";
import { postUntyped, type PostWorkOf } from "./post-work.ts";

/** The operations of a function that `job` marked. */
export interface JobHandle<F extends JobFunction> {
  readonly fn: F;
  /** `path/to/file.ts#name`, relative to `root`, by default the current folder. */
  entryPoint(root?: string): Promise<string>;
  /** As `postWork`. */
  readonly postWork: PostWorkOf<F>;
}

type PostCall = Parameters<typeof postUntyped> extends [unknown, ...infer Rest] ? Rest : never;

/**
 * The functions that `job` marked in this process, in that order.
 *
 * @example for (const fn of Registry) console.log(await Registry.get(fn).entryPoint());
 */
export const Registry = {
  /**
   * A handle on one function.
   *
   * @example await Registry.get(fit).postWork([[1, 2.0, "a.txt"], [2, 2.5, "b.txt"]]);
   */
  get<F extends JobFunction>(fn: F): JobHandle<F> {
    return {
      fn,
      entryPoint: async (root = process.cwd()) => await entryPointOf(fn, root),
      postWork: ((...call: PostCall) => postUntyped(fn, ...call)) as PostWorkOf<F>,
    };
  },

  /** Adds a function that `job` marked; `job` calls this itself. */
  add<F extends JobFunction>(fn: F): F {
    markedJobs().add(fn);
    return fn;
  },

  /** The marked functions, as `for (const fn of Registry)` iterates over them. */
  [Symbol.iterator](): Iterator<JobFunction> {
    return markedJobs().values();
  },
};
