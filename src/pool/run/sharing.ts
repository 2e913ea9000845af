import { chunkSize, type JobTime } from "../../domain/chunk-size.ts";
import type { JobRun } from "../wire/leased-job.ts";
import type { RunList } from "../wire/leased-run.ts";
import { chunkBytes, type WorkerSlot } from "./worker-slot.ts";

/** Shorter jobs are passed to workers in advance, so that no worker waits for its pool. */
const aheadBelowMs = 50;

/** Decides which worker may have which jobs, and how many of them at once. */
export class Sharing {
  readonly #workers: number;
  readonly #slots: Iterable<WorkerSlot>;
  readonly #jobTime: (entryPoint: string) => JobTime | null;
  readonly #isOneByOne: boolean;

  constructor(
    workers: number,
    slots: Iterable<WorkerSlot>,
    jobTime: (entryPoint: string) => JobTime | null,
    isOneByOne = false,
  ) {
    this.#isOneByOne = isOneByOne;
    this.#workers = workers;
    this.#slots = slots;
    this.#jobTime = jobTime;
  }

  /** L4: how many more workers may have jobs of the lease of these. */
  readonly room = (run: JobRun | undefined): number => {
    if (run === undefined || run.runningLimit === null) return Infinity;
    const having = [...this.#slots].filter((slot) => slot.leases.has(run.leaseId));
    return Math.max(run.runningLimit - having.length, 0);
  };

  /** Whether a worker may have these jobs: to run them next or, `ahead`, after its running job. */
  mayHave(slot: WorkerSlot, run: JobRun, ahead: boolean): boolean {
    const isOfItsLease = run.runningLimit !== null && slot.leases.has(run.leaseId);
    if (!ahead) return isOfItsLease || this.room(run) > 0;
    if (this.#isOneByOne) return false;
    if ((run.runningLimit !== null && !isOfItsLease) || run.startBy !== null) return false;
    const time = this.#timeOf(run);
    return time !== null && time.meanMs + time.deviationMs < aheadBelowMs;
  }

  /** The first ones of these jobs, which a worker gets at once, and the others. */
  chunkOf(jobs: RunList): [RunList, RunList] {
    const { first, count } = jobs;
    if (!first) return [jobs, jobs];
    const size = this.#isOneByOne
      ? 1
      : chunkSize(this.#timeOf(first), count, first.runningLimit ?? this.#workers);
    return jobs.split(jobs.fitting(Math.min(size, count), chunkBytes));
  }

  #timeOf = ({ posting }: JobRun) => this.#jobTime(posting.entryPoint);
}
