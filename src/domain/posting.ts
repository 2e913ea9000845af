import * as v from "valibot";

/** Where a posting stands. `finished` and, once its last job ended, `cancelled` are final. */
export type PostingState = "open" | "paused" | "errored_out" | "cancelled" | "finished";

/** How many jobs of a posting are in which status; the sum is the number of its jobs. */
export interface JobCounts {
  waiting: number;
  running: number;
  retrying: number;
  done: number;
  failed: number;
  cancelled: number;
}

const Int32 = v.pipe(
  v.number("expected a whole number"),
  v.integer((issue) => `expected a whole number, found ${issue.received}`),
  v.minValue(-(2 ** 31), "expected a number of 32 bits, found a smaller one"),
  v.maxValue(2 ** 31 - 1, "expected a number of 32 bits, found a larger one"),
);

/** Higher runs first; 32 bits, default 0. */
export const Priority = Int32;

/** What the jobs of a posting share, with its default. */
export const PostingOptions = v.object({
  /** How often a job is tried before it has failed, the first time included: 1 to 1000. */
  tries: v.optional(
    v.pipe(
      v.number("expected a number of tries"),
      v.integer("expected a whole number of tries"),
      v.minValue(1, (issue) => `expected at least 1 try, found ${issue.received}`),
      v.maxValue(1000, (issue) => `expected at most 1000 tries, found ${issue.received}`),
    ),
    3,
  ),
  /** How long a job waits after its first failure, in milliseconds; doubled after each further one. */
  backoffMs: v.optional(
    v.pipe(
      v.number("expected a number of milliseconds"),
      v.integer("expected whole milliseconds"),
      v.minValue(0, (issue) => `expected 0 ms or more, found ${issue.received}`),
      v.maxValue(
        86_400_000,
        (issue) => `expected a day (86400000 ms) at most, found ${issue.received}`,
      ),
    ),
    1000,
  ),
});
export type PostingOptions = v.InferOutput<typeof PostingOptions>;
