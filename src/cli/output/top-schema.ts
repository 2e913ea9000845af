import * as v from "valibot";

import { count, id, JobCounts, moment, PostingState } from "./schema-parts.ts";

const TopPosting = v.object({
  ...{ id, name: v.nullable(v.string()), entryPoint: v.string(), jobCount: count },
  ...{ state: PostingState, reason: v.nullable(v.string()), poster: v.string() },
  /** Whose pools run it; null: all. */
  project: v.nullable(v.string()),
  /** The highest of its jobs that wait for their first attempt. */
  priority: v.nullable(v.number()),
  ...{ postedAt: moment, endedAt: v.nullable(moment), jobs: JobCounts },
});

const TopPool = v.object({
  ...{ id, host: v.string(), pid: count },
  state: v.picklist(["up", "draining", "stopped", "lost"]),
  slots: count,
  /** Workers that ran a job at its last beat; null before it has told. */
  busy: v.nullable(count),
  work: v.string(),
  beatAgoMs: v.number(),
  isStale: v.boolean(),
  refused: count,
  /** The project whose postings it runs, beside those of none; null: of any. */
  project: v.nullable(v.string()),
});

const TopFailure = v.object({
  ...{ postingId: id, fingerprint: v.string(), count, firstAt: moment, lastAt: moment },
  /** One of the newest, as 42/7. */
  job: v.string(),
  message: v.string(),
});

/** What `pdoflow top --json` prints. */
export const topEntries = {
  at: moment,
  database: v.string(),
  /** Why this role may change nothing; null where it may. */
  readOnly: v.nullable(v.string()),
  /** Those that are worked at, the newest that have not ended, the newest that have: 500. */
  postings: v.array(TopPosting),
  /** How many more have not ended. */
  morePostings: count,
  /** Of all postings that have not ended. */
  jobs: JobCounts,
  oldestWaitingMs: v.nullable(v.number()),
  /** Attempts that ended in each of the last seconds, as far as pools have told. */
  endedBySecond: v.array(count),
  pools: v.array(TopPool),
  failures: v.array(TopFailure),
};
