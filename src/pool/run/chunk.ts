import type { JobRun, LeasedJob } from "../wire/leased-job.ts";
import { type LeasedRun, RunList, sliceJobs } from "../wire/leased-run.ts";

/**
 * Jobs passed to a worker at once. The worker runs them in the order of their positions, and
 * reports their ends in this order. The pool takes the last ones back. So its jobs are those from
 * the first one that has not ended up to the first one that was taken back.
 */
export class Chunk {
  /** Counts the chunks of its worker from 0. */
  readonly number: number;
  #jobs: RunList;
  /** The first position that has not ended … */
  #next = 0;
  /** … with the index of its run, and its offset there. */
  #run = 0;
  #offset = 0;
  /** The position from which on the jobs were taken back. */
  #end: number;

  constructor(number: number, jobs: RunList) {
    this.number = number;
    this.#jobs = jobs;
    this.#end = jobs.count;
  }

  get isEmpty(): boolean {
    return this.#next >= this.#end;
  }

  /** The size of the arguments of its jobs; 0 once they are dropped. */
  get bytes(): number {
    return this.#jobs.bytes;
  }

  /** The number of jobs that were passed. */
  get count(): number {
    return this.#jobs.count;
  }

  get first(): JobRun | undefined {
    return this.#jobs.first;
  }

  /** The job at a position, unless it has ended or was taken back. */
  at(position: number): LeasedJob | null {
    const isHere = Number.isInteger(position) && position >= this.#next && position < this.#end;
    return (isHere && this.#jobs.at(position)) || null;
  }

  /**
   * The jobs of one run, at most `most`, that end next. Null if the next end is not that of
   * `position`: each job ends once.
   */
  next(position: number, most: number): JobRun | null {
    const run = this.#jobs.runs[this.#run];
    if (position !== this.#next || this.isEmpty || !run) return null;
    const count = Math.min(most, run.count - this.#offset, this.#end - position);
    return sliceJobs(run, this.#offset, this.#offset + count);
  }

  /** These jobs, the result of `next`, have ended. */
  ended({ count }: JobRun): void {
    this.#next += count;
    this.#offset += count;
    if (this.#offset < (this.#jobs.runs[this.#run]?.count ?? 0)) return;
    this.#run++;
    this.#offset = 0;
  }

  /** Takes its jobs from a position on. */
  takeFrom(position: number): readonly LeasedRun[] {
    const from = Math.max(position, this.#next);
    const [, taken] = this.#jobs.split(this.#end)[0].split(from);
    this.#end = Math.min(from, this.#end);
    return taken.runs;
  }

  /** Those of its jobs that have not ended. */
  get unfinished(): readonly LeasedRun[] {
    return this.#jobs.split(this.#end)[0].split(this.#next)[1].runs;
  }

  /** Drops the arguments of its only job. */
  dropArguments(): void {
    this.#jobs = new RunList(this.#jobs.runs.map((run) => ({ ...run, args: "" })));
  }
}
