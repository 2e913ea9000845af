import type { PostingCounts } from "../../db/read/status.ts";
import type { JobCounts, PostingState } from "../../domain/states.ts";

/** The state of a posting, and the number of its jobs in each status. */
export interface PostingStatus extends JobCounts {
  state: PostingState;
  /** The percentage of jobs that have ended: done, failed or cancelled. */
  percent: number;
}

/** @internal */
export function statusOf(counts: PostingCounts): PostingStatus {
  const { state, waiting, running, retrying, done, failed, cancelled } = counts;
  const ended = done + failed + cancelled;
  const percent = (100 * ended) / (ended + waiting + running + retrying);
  return { state, waiting, running, retrying, done, failed, cancelled, percent };
}
