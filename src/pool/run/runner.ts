import type { LiveOutput } from "../../db/engine/follow.ts";
import type { RunningJob } from "../../db/engine/pools.ts";
import type { Profile } from "../../db/engine/profiles.ts";
import type { JobError, OutcomeState } from "../../domain/attempt.ts";
import type { JobTime } from "../../domain/chunk-size.ts";
import type { LeasedJob } from "../wire/leased-job.ts";
import type { End, EndDetails } from "../wire/protocol.ts";
import type { StartFailure } from "./worker-starts.ts";

/** Why a job is stopped on purpose, and what becomes of it. */
export interface Verdict {
  job: LeasedJob;
  state: Extract<OutcomeState, "failed" | "cancelled">;
  error: JobError;
}

export interface RunnerListener {
  onEnd(job: LeasedJob, end: End, workerPid: number): void;
  /** Its worker died, or the job was stopped on purpose, for the reason in the verdict. */
  onLost(verdict: Verdict, end: EndDetails, workerPid: number): void;
  /** A worker could not be started. */
  onSpawnFailed(failure: StartFailure): void;
  /** Some worker has room. */
  onHungry(): void;
  /** A job has been running for a while, and was not before. */
  onLongJob(): void;
  /** Where a job has spent its time was sampled. */
  onProfile(job: LeasedJob, profile: Profile): void;
  /** A job has told how far it is. */
  onProgress(): void;
  /** Whether other pools are alive. */
  hasPeers(): boolean;
  /** These take longer than was thought when they were claimed: other pools should have them. */
  onSurplus(jobs: LeasedJob[]): void;
  /** These came too late to be started (P5). */
  onLate(jobs: LeasedJob[]): void;
  /** The code of these is not here, and why: none of them was started. */
  onLacking(jobs: LeasedJob[], reason: string): void;
  /** False while no more jobs should be started. */
  mayStart(): boolean;
  jobTime(entryPoint: string): JobTime | null;
}

/** What runs the jobs that a pool has claimed. */
export interface Runner {
  /** Jobs that no worker has been handed, and that an idle one could be (L4). */
  readonly backlog: number;
  /** The size of the arguments that are kept here, of jobs that have not ended. */
  readonly bytes: number;
  /** Workers that have nothing to do, and those that have. */
  readonly idle: number;
  readonly busy: number;
  /** All jobs in the hands of this pool that have not ended. */
  readonly all: LeasedJob[];
  readonly isIdle: boolean;
  /** The jobs that have been running for a while. */
  readonly longRunning: RunningJob[];
  /** Whether jobs of a posting are here that no worker has been handed. */
  isWaiting(postingId: number): boolean;
  /** What those that run print, of these postings. */
  output(postings: readonly number[]): LiveOutput[];
  /** Takes jobs, to be run after those that are there already. */
  add(jobs: readonly LeasedJob[]): void;
  /** Takes back what has not started, where `isWanted`, to be released (rule 4). */
  withdraw(isWanted: (job: LeasedJob) => boolean): LeasedJob[];
  /** Stops the jobs that run for which `sentence` gives a verdict. */
  condemn(sentence: (running: { job: LeasedJob }) => Omit<Verdict, "job"> | null): void;
  /** The code has changed: jobs that start from now on are to run the new one. */
  renew(): void;
  /** Stops what runs and forgets all jobs: their leases are gone, or will be. */
  abandon(): void;
  /** Ends what runs, whatever it does. */
  stop(): Promise<void>;
}

/** From when on a job is told to others as running. */
export const longMs = 250;
/** How long a job that has asked for its signal has to end by itself, where it has a grace. */
export const signalGraceMs = 1_000;

/** The verdict on a job that has been running for so long; null while it may go on. */
export function timedOut({ posting }: LeasedJob, ageMs: number): Omit<Verdict, "job"> | null {
  const { timeoutMs } = posting;
  if (timeoutMs === null || ageMs < timeoutMs) return null;
  const message = `the job ran longer than its timeout of ${timeoutMs} ms, and was stopped`;
  return { state: "failed", error: { name: "Timeout", message } };
}
