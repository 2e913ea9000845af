import { chunkSize, type JobTime } from "../../domain/chunk-size.ts";
import { fitting } from "../wire/backlog.ts";
import type { LeasedJob } from "../wire/leased-job.ts";
import { chunkBytes, type WorkerSlot } from "./worker-slot.ts";

/** Shorter jobs are passed to workers in advance, so that no worker waits for its pool. */
const aheadBelowMs = 50;

/** Decides which worker may have which jobs, and how many of them at once. */
export class Sharing {
  readonly #workers: number;
  readonly #slots: Iterable<WorkerSlot>;
  readonly #jobTime: (entryPoint: string) => JobTime | null;

  constructor(
    workers: number,
    slots: Iterable<WorkerSlot>,
    jobTime: (entryPoint: string) => JobTime | null,
  ) {
    this.#workers = workers;
    this.#slots = slots;
    this.#jobTime = jobTime;
  }

  /** L4: how many more workers may have jobs of the lease of this one. */
  readonly room = (job: LeasedJob | undefined): number => {
    if (job === undefined || job.runningLimit === null) return Infinity;
    const having = [...this.#slots].filter((slot) => slot.leases.has(job.leaseId));
    return Math.max(job.runningLimit - having.length, 0);
  };

  /** Whether a worker may have this job: to run it next or, `ahead`, after its running job. */
  mayHave(slot: WorkerSlot, job: LeasedJob, ahead: boolean): boolean {
    const isOfItsLease = job.runningLimit !== null && slot.leases.has(job.leaseId);
    if (!ahead) return isOfItsLease || this.room(job) > 0;
    if ((job.runningLimit !== null && !isOfItsLease) || job.startBy !== null) return false;
    const time = this.#timeOf(job);
    return time !== null && time.meanMs + time.deviationMs < aheadBelowMs;
  }

  /** The number of these jobs that a worker gets at once. */
  chunkOf(jobs: readonly LeasedJob[]): number {
    const [first] = jobs;
    if (!first) return 0;
    const size = chunkSize(this.#timeOf(first), jobs.length, first.runningLimit ?? this.#workers);
    return fitting(jobs, Math.min(size, jobs.length), chunkBytes);
  }

  #timeOf = ({ posting }: LeasedJob) => this.#jobTime(posting.entryPoint);
}
