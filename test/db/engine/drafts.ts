// Drafts of postings that running jobs post.
import type { Db } from "../../../src/db/connection/connect.ts";
import { type ChildPost, draftChild } from "../../../src/db/engine/children.ts";
import { type Outcome, recordRuns, runOf } from "../../../src/db/engine/outcomes.ts";
import { type LeasedJob, outcome } from "../engine.ts";

export const threeJobs: ChildPost = {
  ...{ number: 0, entryPoint: "child.ts#main", options: "{}", jobs: "[1]\n[2]\n[3]" },
};

/** A running job posts a draft; returns its number. */
export const draft = (db: Db, pool: number, job: LeasedJob, more: Partial<ChildPost> = {}) =>
  draftChild(db, pool, job, { ...threeJobs, ...more });

/** Records the end of an attempt, with these drafts; its lease ends, unless it has other jobs. */
export const end = (
  db: Db,
  pool: number,
  job: LeasedJob,
  drafts: number[],
  more: Partial<Outcome> = {},
  hasOthers = false,
) => {
  const run = runOf(outcome(job, more), performance.now());
  return recordRuns(db, pool, [run], hasOthers ? [] : [job.leaseId], drafts);
};

/** The job that was claimed. */
export function only(job: LeasedJob | undefined): LeasedJob {
  if (job === undefined) throw new Error("expected a job, found none");
  return job;
}
