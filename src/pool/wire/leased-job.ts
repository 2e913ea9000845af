import type { RunnablePosting } from "../../db/engine/leases.ts";

/** A leased job of this pool. */
export interface LeasedJob {
  leaseId: number;
  /** The number of jobs of its lease that may run at a time (L4); null for any number. */
  runningLimit: number | null;
  posting: RunnablePosting;
  seq: number;
  /** Its index in its posting. */
  index: number;
  attempt: number;
  /**
   * Its encoded arguments; an empty text if they are large and it has started: then no other worker
   * can get it.
   */
  args: string;
  /**
   * The time by which it must start, else it is released (P5), by Date.now(); null for any time.
   */
  startBy: number | null;
}

/** Jobs that follow each other in one posting, under one lease and attempt. */
export interface JobRun extends Omit<LeasedJob, "seq" | "index" | "args"> {
  firstSeq: number;
  count: number;
  /** The index of each of them, if that differs from their seq (J2). */
  indexes: readonly number[] | null;
}

/** The job at an offset of a run, without its arguments. */
export function jobAt(run: JobRun, offset: number): LeasedJob {
  const { leaseId, runningLimit, posting, attempt, startBy } = run;
  const seq = run.firstSeq + offset;
  const index = run.indexes?.[offset] ?? seq;
  return { leaseId, runningLimit, posting, seq, index, attempt, startBy, args: "" };
}

/** The run that has only this job. */
export function runOfOne(job: LeasedJob): JobRun {
  const { leaseId, runningLimit, posting, seq, index, attempt, startBy } = job;
  const indexes = index === seq ? null : [index];
  return { leaseId, runningLimit, posting, attempt, startBy, firstSeq: seq, count: 1, indexes };
}

/** Whether two objects stand for the same attempt at a job. */
export const isSameJob = (a: LeasedJob, b: LeasedJob) =>
  a.leaseId === b.leaseId &&
  a.posting.id === b.posting.id &&
  a.seq === b.seq &&
  a.attempt === b.attempt;

/** Whether a job belongs to a run. */
export const isOfRun = (run: JobRun, { leaseId, posting, attempt, seq }: LeasedJob) =>
  leaseId === run.leaseId &&
  posting.id === run.posting.id &&
  attempt === run.attempt &&
  seq >= run.firstSeq &&
  seq < run.firstSeq + run.count;

/** Lists of jobs that can be passed to a worker together, in the order in which they come. */
export function alike(jobs: readonly LeasedJob[]): LeasedJob[][] {
  const lists: LeasedJob[][] = [];
  for (const job of jobs) {
    const last = lists.at(-1);
    const first = last?.[0];
    if (last && first && isAlike(first, job)) last.push(job);
    else lists.push([job]);
  }
  return lists;
}

/** Jobs of a lease with a limit are counted together; jobs with a deadline are late together. */
const isAlike = (a: LeasedJob, b: LeasedJob) =>
  a.startBy === b.startBy &&
  (a.runningLimit === null ? b.runningLimit === null : a.leaseId === b.leaseId) &&
  (a.posting === b.posting || runsAlike(a.posting, b.posting));

const runsAlike = (a: RunnablePosting, b: RunnablePosting) =>
  a.entryPoint === b.entryPoint &&
  a.keepsResults === b.keepsResults &&
  a.keepsOutput === b.keepsOutput;
