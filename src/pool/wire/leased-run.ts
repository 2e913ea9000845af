import { separator } from "../../db/connection/array.ts";
import type { ArgumentText } from "../../db/engine/job-arguments.ts";
import type { RunnablePosting } from "../../db/engine/leases.ts";
import { countJobs, isOfRun, jobAt, type JobRun, type LeasedJob } from "./leased-job.ts";

/** A run of jobs with their arguments. */
export interface LeasedRun extends JobRun {
  /**
   * The encoded arguments, a line for each job (J3); an empty text if they are large and their only
   * job has started: then no other worker can get it.
   */
  args: string;
}

/**
 * Adds the jobs of a run that have arguments to `runs`, one run for each text. Returns the other
 * jobs, if there are any.
 */
export function withArguments(
  run: JobRun,
  texts: readonly ArgumentText[],
  runs: LeasedRun[],
): JobRun | null {
  let from = 0;
  for (const { count, args } of texts) {
    const jobs = count === run.count ? run : sliceJobs(run, from, from + count);
    runs.push({ ...jobs, args });
    from += count;
  }
  return from < run.count ? sliceJobs(run, from, run.count) : null;
}

/** The first `count` jobs of a run, and the others. */
function splitRun(run: LeasedRun, count: number): [LeasedRun | null, LeasedRun | null] {
  if (count <= 0) return [null, run];
  if (count >= run.count) return [run, null];
  const end = endOfLines(run.args, count);
  return [
    { ...sliceJobs(run, 0, count), args: run.args.slice(0, end) },
    { ...sliceJobs(run, count, run.count), args: run.args.slice(end + 1) },
  ];
}

/** The jobs of a run from an offset on, up to before another one, without their arguments. */
export const sliceJobs = (run: JobRun, from: number, to: number): JobRun => ({
  leaseId: run.leaseId,
  runningLimit: run.runningLimit,
  posting: run.posting,
  attempt: run.attempt,
  startBy: run.startBy,
  firstSeq: run.firstSeq + from,
  count: to - from,
  indexes: run.indexes?.slice(from, to) ?? null,
});

/** The offset at which the first `count` lines of a text end; -1 if that is the end of the text. */
function endOfLines(text: string, count: number): number {
  let end = -1;
  for (let left = count; left > 0; left--) {
    end = text.indexOf(separator, end + 1);
    if (end < 0) break;
  }
  return end;
}

/** The number of first lines, up to `most`, that have up to `length` characters together. */
function linesWithin(text: string, most: number, length: number): number {
  let lines = 0;
  for (let at = 0; lines < most; lines++) {
    const end = text.indexOf(separator, at);
    if ((end < 0 ? text.length : end) > length) break;
    at = end + 1;
  }
  return lines;
}

/** The runs without one of their jobs. */
export const without = (runs: readonly LeasedRun[], job: LeasedJob): LeasedRun[] =>
  runs.flatMap((run) => {
    if (!isOfRun(run, job)) return [run];
    const [before, others] = splitRun(run, job.seq - run.firstSeq);
    const after = others && splitRun(others, 1)[1];
    return [before, after].filter((part) => part !== null);
  });

/** Runs whose jobs can be passed to a worker together, in their order. */
export class RunList {
  readonly runs: readonly LeasedRun[];
  readonly count: number;
  /** The size of their arguments. */
  readonly bytes: number;

  constructor(runs: readonly LeasedRun[]) {
    this.runs = runs;
    this.count = countJobs(runs);
    this.bytes = sizeOfArguments(runs);
  }

  /** The first one. Jobs of a list differ from it in their posting and lease at most. */
  get first(): LeasedRun | undefined {
    return this.runs[0];
  }

  /** The arguments of all jobs, a line for each. */
  get args(): string {
    const [first] = this.runs;
    return this.runs.length === 1 && first ? first.args : this.runs.map((r) => r.args).join("\n");
  }

  /** The job at a position. */
  at(position: number): LeasedJob | undefined {
    let offset = position;
    for (const run of this.runs) {
      if (offset < run.count) return jobAt(run, offset);
      offset -= run.count;
    }
    return undefined;
  }

  /** Its first `count` jobs, and the others. */
  split(count: number): [RunList, RunList] {
    const first: LeasedRun[] = [];
    let left = count;
    for (const [i, run] of this.runs.entries()) {
      const [before, after] = splitRun(run, left);
      if (before) first.push(before);
      if (after) return [new RunList(first), new RunList([after, ...this.runs.slice(i + 1)])];
      left -= run.count;
    }
    return [this, new RunList([])];
  }

  /** The number of first jobs, at least one, whose arguments have up to `bytesMax` in total. */
  fitting(count: number, bytesMax: number): number {
    let [fits, left] = [0, bytesMax];
    for (const { count: jobs, args } of this.runs) {
      const most = Math.min(jobs, count - fits);
      if (args.length > left) return Math.max(fits + linesWithin(args, most, left), 1);
      fits += most;
      left -= args.length;
      if (fits === count) break;
    }
    return fits;
  }
}

/** Lists of runs whose jobs can be passed to a worker together, in the order of the runs. */
export function alike(runs: readonly LeasedRun[]): RunList[] {
  const lists: LeasedRun[][] = [];
  for (const run of runs) {
    const last = lists.at(-1);
    const first = last?.[0];
    if (last && first && isAlike(first, run)) last.push(run);
    else lists.push([run]);
  }
  return lists.map((list) => new RunList(list));
}

/**
 * Jobs of a lease with a limit are counted together; jobs with a deadline are late together. Jobs
 * of a route take the same resources.
 */
const isAlike = (a: JobRun, b: JobRun) =>
  a.posting.routeId === b.posting.routeId &&
  a.startBy === b.startBy &&
  (a.runningLimit === null ? b.runningLimit === null : a.leaseId === b.leaseId) &&
  (a.posting === b.posting || runsAlike(a.posting, b.posting));

const runsAlike = (a: RunnablePosting, b: RunnablePosting) =>
  a.entryPoint === b.entryPoint &&
  a.keepsResults === b.keepsResults &&
  a.keepsOutput === b.keepsOutput &&
  a.upstream === null &&
  b.upstream === null &&
  a.schedule === null &&
  b.schedule === null &&
  a.traceparent === b.traceparent &&
  (a.traceparent === null || a.jobCount === b.jobCount);

/** The size in memory, in bytes, estimated: a Latin letter takes one byte. */
export function sizeOfArguments(runs: readonly LeasedRun[]): number {
  let bytes = 0;
  for (const { args } of runs) bytes += args.length;
  return bytes;
}
