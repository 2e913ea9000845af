import type { RunnablePosting } from "../../db/engine/leases.ts";

/** The properties that the jobs of a run share. */
interface Leased {
  leaseId: number;
  /** The number of jobs of its lease that may run at a time (L4); null for any number. */
  runningLimit: number | null;
  posting: RunnablePosting;
  attempt: number;
  /**
   * The time by which it must start, else it is released (P5), by Date.now(); null for any time.
   */
  startBy: number | null;
}

/** Jobs that follow each other in one posting, under one lease and attempt. */
export interface JobRun extends Leased {
  firstSeq: number;
  count: number;
  /** The index of each of them, if that differs from their seq (J2). */
  indexes: readonly number[] | null;
}

/** A leased job of this pool. Only a job that differs from others has such an object. */
export interface LeasedJob extends Leased {
  seq: number;
  /** Its index in its posting. */
  index: number;
}

/** The job at an offset of a run. */
export function jobAt(run: JobRun, offset: number): LeasedJob {
  const { leaseId, runningLimit, posting, attempt, startBy } = run;
  const seq = run.firstSeq + offset;
  const index = run.indexes?.[offset] ?? seq;
  return { leaseId, runningLimit, posting, seq, index, attempt, startBy };
}

/** The jobs of runs, one by one. */
export const jobsOf = (runs: readonly JobRun[]): LeasedJob[] =>
  runs.flatMap((run) => Array.from({ length: run.count }, (_, offset) => jobAt(run, offset)));

/** The run that has only this job. */
export function runOfOne(job: LeasedJob): JobRun {
  const { leaseId, runningLimit, posting, seq, index, attempt, startBy } = job;
  const indexes = index === seq ? null : [index];
  return { leaseId, runningLimit, posting, attempt, startBy, firstSeq: seq, count: 1, indexes };
}

/** Whether two objects stand for the same attempt at a job. */
export const isSameJob = (a: LeasedJob, b: LeasedJob) => isOfRun(runOfOne(a), b);

/** Whether a job belongs to a run. */
export const isOfRun = (run: JobRun, { leaseId, posting, attempt, seq }: LeasedJob) =>
  leaseId === run.leaseId &&
  posting.id === run.posting.id &&
  attempt === run.attempt &&
  seq >= run.firstSeq &&
  seq < run.firstSeq + run.count;

/** The number of jobs of runs. */
export function countJobs(runs: readonly Pick<JobRun, "count">[]): number {
  let count = 0;
  for (const run of runs) count += run.count;
  return count;
}
