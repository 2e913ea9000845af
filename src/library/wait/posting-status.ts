import type { PostingCounts } from "../../db/read/status.ts";
import type { JobCounts, PostingState } from "../../domain/states.ts";

/** Where a posting stands, and how many of its jobs are in which status. */
export interface PostingStatus extends JobCounts {
  state: PostingState;
  /** How many of 100 jobs have ended: done, failed or cancelled. */
  percent: number;
}

/** @internal */
export function statusOf(counts: PostingCounts): PostingStatus {
  const { state, waiting, running, retrying, done, failed, cancelled } = counts;
  const ended = done + failed + cancelled;
  const percent = (100 * ended) / (ended + waiting + running + retrying);
  return { state, waiting, running, retrying, done, failed, cancelled, percent };
}
