import * as v from "valibot";

// What several documents have.

export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const id = v.pipe(v.number(), v.integer(), v.minValue(1));
/** In UTC, as ISO 8601 has it. */
export const moment = v.union([
  v.pipe(v.string(), v.isoTimestamp()),
  v.pipe(
    v.date(),
    v.transform((date) => date.toISOString()),
  ),
]);

export const PostingState = v.picklist(["open", "paused", "errored_out", "cancelled", "finished"]);
export const JobCounts = v.object({
  waiting: count,
  running: count,
  retrying: count,
  done: count,
  failed: count,
  cancelled: count,
});
