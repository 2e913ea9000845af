import * as v from "valibot";

import { jobStatuses, poolRowStates, postingStates } from "../../domain/states.ts";

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

export const PostingState = v.picklist(postingStates);
export const PoolState = v.picklist(poolRowStates);
export const JobStatus = v.picklist(jobStatuses);
export const JobCounts = v.object(v.entriesFromList(jobStatuses, count));
