// The queue of the model: the content of the tables, job by job, without their form.
import type { OutcomeState } from "../../../src/domain/attempt.ts";
import type { PostingState } from "../../../src/domain/states.ts";

export interface Posting {
  id: number;
  entryPoint: string;
  routeId: number;
  jobCount: number;
  maxAttempts: number;
  backoffMs: number;
  /** How many of its jobs may be leased without an outcome (P5); null for any number. */
  maxRunning: number | null;
  state: PostingState;
  isEnded: boolean;
  /** Whether it is yet to start (P8), and its time has come. */
  start: "begun" | "later" | "due";
}

export interface Lane {
  postingId: number;
  /** That with which it was posted, and the one that counts (N4). */
  priority: number;
  rank: number;
  firstSeq: number;
  endSeq: number;
  /** Where its newest lease ends; of no meaning once it is closed. */
  cursor: number;
  state: "open" | "paused" | "closed";
}

/** One attempt at one job. */
export interface Attempt {
  postingId: number;
  seq: number;
  attempt: number;
}

export interface Lease {
  id: number;
  poolId: number;
  isActive: boolean;
  lost: number;
  runningLimit: number | null;
  /** The filter of a list: ended or not. */
  jobs: Attempt[];
}

export type Due = "now" | "later" | "never";

/** Where a job is. */
export type Place =
  | { at: "lane" }
  | { at: "retry"; attempt: number; due: Due; lost: number }
  | { at: "lease"; leaseId: number; attempt: number }
  | { at: "ended"; state: OutcomeState; attempt: number }
  | { at: "cancelled" };

export interface Pool {
  id: number;
  state: "up" | "draining" | "stopped" | "lost";
  /** Its last heartbeat is older than its heartbeat timeout. */
  isSilent: boolean;
  refused: number;
  /** The jobs that it reported as running at its last heartbeat. */
  running: Attempt[];
}

export interface Queue {
  postings: Map<number, Posting>;
  lanes: Lane[];
  /** By {@link jobKey}. */
  places: Map<string, Place>;
  /** By {@link attemptKey}. */
  outcomes: Map<string, { state: OutcomeState; leaseId: number }>;
  leases: Map<number, Lease>;
  pools: Map<number, Pool>;
}

/** The names of jobs and attempts, as in `42/7` and `42/7#1`. */
export const jobKey = (job: { postingId: number; seq: number }) => `${job.postingId}/${job.seq}`;
export const attemptKey = (job: Attempt) => `${jobKey(job)}#${job.attempt}`;

/** An element that has to be there. */
export function have<T>(element: T | undefined | null, what: string): T {
  if (element === undefined || element === null) throw new Error(`there is no ${what}`);
  return element;
}

export const postingOf = (queue: Queue, id: number) =>
  have(queue.postings.get(id), `posting ${id}`);

/** How many more of its jobs may run (L4). */
export function roomOf(queue: Queue, { id, maxRunning }: Posting): number {
  if (maxRunning === null) return Infinity;
  const leases = [...queue.leases.values()].filter(({ isActive }) => isActive);
  return leases.reduce((room, lease) => {
    const jobs = unfinished(queue, lease).filter(({ postingId }) => postingId === id);
    return room - Math.min(jobs.length, lease.runningLimit ?? Infinity);
  }, maxRunning);
}

/** The lane that a job is in, waiting or not. */
export const laneOf = (queue: Queue, { postingId, seq }: { postingId: number; seq: number }) =>
  have(
    queue.lanes.find((l) => l.postingId === postingId && l.firstSeq <= seq && seq < l.endSeq),
    `lane of ${postingId}/${seq}`,
  );

export const heldLeases = (queue: Queue, poolId: number): Lease[] =>
  [...queue.leases.values()].filter((lease) => lease.isActive && lease.poolId === poolId);

/** The jobs of a lease without a recorded outcome. */
export const unfinished = (queue: Queue, lease: Lease): Attempt[] =>
  lease.jobs.filter((job) => !queue.outcomes.has(attemptKey(job)));

/** All that is compared with the database: a line for each row, the same for the same queue. */
export function linesOf(queue: Queue): string[] {
  return [
    ...[...queue.postings.values()].map(
      ({ id, state, isEnded }) => `posting ${id}: ${state}${isEnded ? ", ended" : ""}`,
    ),
    ...queue.lanes.map(
      ({ postingId, priority, rank, state, cursor }) =>
        `lane ${postingId} at ${priority}, ${rank}: ${state}${state === "closed" ? "" : `, at ${cursor}`}`,
    ),
    ...[...queue.places].map(([key, place]) => `job ${key}: ${Object.values(place).join(" ")}`),
    ...[...queue.outcomes].map(
      ([key, { state, leaseId }]) => `${key} ${state} by lease ${leaseId}`,
    ),
    ...[...queue.leases.values()].map(({ id, poolId, isActive, lost, jobs }) =>
      isActive
        ? `lease ${id}: pool ${poolId}, lost ${lost}, ${jobs.map(attemptKey).sort().join(" ")}`
        : `lease ${id}: let go by pool ${poolId}`,
    ),
    ...[...queue.pools.values()].map(
      ({ id, state, refused }) => `pool ${id}: ${state}, ${refused} refused`,
    ),
  ].sort();
}
