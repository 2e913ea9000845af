import * as v from "valibot";

// Parts that several output schemas share.

export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const id = v.pipe(v.number(), v.integer(), v.minValue(1));
/** A time in UTC, in ISO 8601. */
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
