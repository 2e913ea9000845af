import type { LiveOutput } from "../../db/engine/follow.ts";
import type { RunningJob } from "../../db/engine/pools.ts";
import type { Profile } from "../../db/engine/profiles.ts";
import type { JobError, OutcomeState } from "../../domain/attempt.ts";
import type { Counts } from "../../domain/capabilities.ts";
import type { Resources } from "../../domain/job-class.ts";
import type { JobTime } from "../../domain/chunk-size.ts";
import type { GatheredPage } from "../../domain/upstream.ts";
import type { JobRun, LeasedJob } from "../wire/leased-job.ts";
import type { LeasedRun } from "../wire/leased-run.ts";
import type { AttemptDetails, AttemptResult, EndColumns } from "../wire/ends.ts";
import type { ChildAnswer, ChildCall } from "../wire/child-call.ts";
import type { StartFailure } from "./worker-starts.ts";

/** The reason to end an attempt before its job has ended, and the resulting state. */
export interface TerminationReason {
  state: Extract<OutcomeState, "failed" | "cancelled">;
  error: JobError;
}

/** An attempt that was stopped on purpose, or whose worker died. */
export interface Termination extends TerminationReason {
  job: LeasedJob;
}

/** Attempts at the jobs of a run, all done. */
export interface DoneAttempts extends EndColumns {
  run: JobRun;
  /** The number of their worker, if workers are numbered. */
  slot?: number | undefined;
}

/** Receives events of started jobs. */
export interface AttemptListener {
  onDone(done: DoneAttempts, workerPid: number): void;
  onEnd(job: LeasedJob, end: AttemptResult, workerPid: number): void;
  onTerminated(termination: Termination, end: AttemptDetails, workerPid: number): void;
  /** A job has just become a long one (`longMs`). */
  onLongJob(): void;
  /** A job has reported its progress. */
  onProgress(): void;
  onProfile(job: LeasedJob, profile: Profile): void;
}

/**
 * Why a runner returns jobs that it has not started: they take longer than expected, so that other
 * pools should have them; they are too late to be started (P5); or their code is missing here.
 */
export type ReturnCause = "surplus" | "late" | { missingCode: string };

/** Supplies a runner with jobs, and takes jobs back from it. */
export interface JobSupply {
  /** A worker has room. */
  onRoom(): void;
  onReturned(jobs: readonly JobRun[], cause: ReturnCause): void;
  /** False while no more jobs should be started. */
  mayStart(): boolean;
  /** Whether other pools are alive. */
  hasPeers(): boolean;
  /** Resources of the pool have become free. */
  onFreed(): void;
  /** The amounts that a job of a route takes; null if it counts nothing. */
  countsOf(routeId: number): Counts | null;
  jobTime(entryPoint: string): JobTime | null;
}

/** The pool, as its runner needs it. */
export interface RunnerContext {
  attempts: AttemptListener;
  supply: JobSupply;
  /** Reads results of the upstream of a running job, from an index on. */
  readResults(job: LeasedJob, first: number): Promise<GatheredPage>;
  /** A job posts others; `isRunning` says whether its attempt goes on. */
  post(job: LeasedJob, call: ChildCall, isRunning: () => boolean): Promise<ChildAnswer>;
  /** A worker could not be started. */
  onStartFailed(failure: StartFailure): void;
}

/** Runs the jobs that a pool has claimed. */
export interface Runner {
  /** Null if its jobs take nothing that is counted. */
  readonly resources: Resources | null;
  /** The number of unassigned jobs that an idle worker could run (L4). */
  readonly backlog: number;
  /** The size of the arguments kept here of jobs that have not ended. */
  readonly bytes: number;
  /** The number of workers without a job, and with one. */
  readonly idle: number;
  readonly busy: number;
  /** All jobs of this pool that have not ended. */
  readonly all: JobRun[];
  readonly isIdle: boolean;
  /** The jobs that have been running for a while. */
  readonly longRunning: RunningJob[];
  /** Whether jobs of a posting wait here for a worker. */
  isWaiting(postingId: number): boolean;
  /** The output so far of running jobs of these postings. */
  output(postings: readonly number[]): LiveOutput[];
  /** Adds jobs behind the jobs that are here already. */
  add(jobs: readonly LeasedRun[]): void;
  /** Takes back unstarted jobs that `isWanted` selects, to be released (rule 4). */
  withdraw(isWanted: (run: JobRun) => boolean): JobRun[];
  /** Stops the running jobs for which `reasonFor` returns a reason. */
  terminate(reasonFor: (running: { job: LeasedJob }) => TerminationReason | null): void;
  /** The code has changed: jobs that start from now on run the new code. */
  replaceWorkers(): void;
  /** Stops all running jobs and forgets all jobs: their leases have ended, or will end. */
  abandon(): void;
  /**
   * Stops all running jobs and all workers, and starts none again. If it `isGraceful`, resolves
   * when each job has ended, at most the grace period of its posting later.
   */
  stop(how?: { isGraceful: boolean }): Promise<void>;
}

/** From this age on a job is reported to the database as running. */
export const longMs = 250;
/** The time that a job which listens to its signal has to end by itself. */
export const signalGraceMs = 1_000;
/** The name of the error of a job whose worker has ended by itself. */
export const workerDied = "WorkerDied";
