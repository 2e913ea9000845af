import { entryPointOf, type JobFunction, markedJobs } from "../../job/job-mark.ts";
import { postUntyped, type PostWorkOf } from "./post-work.ts";

/** What a function that `job` marked can be asked for. */
export interface JobHandle<F extends JobFunction> {
  readonly fn: F;
  /** `path/to/file.ts#name`, relative to `root`, by default the current folder. */
  entryPoint(root?: string): Promise<string>;
  /** As `postWork`. */
  readonly postWork: PostWorkOf<F>;
}

type PostCall = Parameters<typeof postUntyped> extends [unknown, ...infer Rest] ? Rest : never;

/**
 * The functions that were marked by `job` in this process, in the order in which they were.
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

  /** Adds a function that `job` marked; `job` does so by itself. */
  add<F extends JobFunction>(fn: F): F {
    markedJobs().add(fn);
    return fn;
  },

  /** The functions that were marked, as `for (const fn of Registry)` walks through them. */
  [Symbol.iterator](): Iterator<JobFunction> {
    return markedJobs().values();
  },
};
