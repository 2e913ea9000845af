import * as v from "valibot";

import { ScheduleOverview } from "./schedule-schemas.ts";
import { count, id, JobCounts, moment, PoolRow, Posting, WaitsFor } from "./schema-parts.ts";

const TopPosting = v.object({
  ...v.omit(Posting, ["posterOs", "waitsFor", "schedule", "scheduledAt"]).entries,
  /** The flow of which it is a stage; null for none. Its name is null if you cannot see it. */
  flow: v.nullable(v.object({ id, name: v.nullable(v.string()), stage: v.string() })),
  waitsFor: v.array(v.omit(WaitsFor, ["tolerate", "metAt", "skipped", "unblockedBy"])),
  /** Whether it waits for failures only, and there were none. */
  isSkipped: v.boolean(),
  /** Of its cancelled jobs, the ones whose jobs of the upstream were not done. */
  skippedJobs: count,
  /** The highest priority among its waiting jobs. */
  priority: v.nullable(v.number()),
});

const TopPool = v.object({
  ...v.omit(PoolRow, ["version", "role", "osUser", "startedAt"]).entries,
  /** Busy workers at its last heartbeat; null before the first report. */
  busy: v.nullable(count),
  work: v.string(),
});

const TopFailure = v.object({
  postingId: id,
  fingerprint: v.string(),
  count,
  firstAt: moment,
  lastAt: moment,
  /** One of the newest failed jobs, such as 42/7. */
  job: v.string(),
  message: v.string(),
});

/** The output of `pdoflow top --json`. */
export const topEntries = {
  at: moment,
  database: v.string(),
  /** Why this role cannot change anything; null if it can. */
  readOnly: v.nullable(v.string()),
  /** Active postings, then the newest unfinished ones, then the newest ended ones, at most 500. */
  postings: v.array(TopPosting),
  /** The number of further unfinished postings. */
  morePostings: count,
  /** The jobs of all unfinished postings. */
  jobs: JobCounts,
  oldestWaitingMs: v.nullable(v.number()),
  /** Attempts that ended in each of the last seconds, as reported by pools. */
  endedBySecond: v.array(count),
  pools: v.array(TopPool),
  failures: v.array(TopFailure),
  /** The next ones first, paused ones last, at most 200. */
  schedules: v.array(ScheduleOverview),
};
