/** What is known of how long the jobs of one entry point take. */
export interface JobTime {
  /** Exponentially weighted mean and mean deviation of measured durations, in milliseconds. */
  meanMs: number;
  deviationMs: number;
  /** How many were measured. */
  count: number;
}

/** Below this, what a job costs outside of the user's function counts more than the function. */
const leastJobMs = 0.01;
const chunkMs = 20;
const claimMs = 250;
/** The largest ratio of the jobs of a claim to the number of measured jobs. */
const trustFactor = 8;
/** What a claim takes, several times over: with less than this at hand, the next one is made. */
const refillMs = 40;
const largestChunk = 2_000;
const largestClaim = 10_000;

/** The job time after one more measured duration; the first one is taken as it is. */
export function measured(time: JobTime | null, durationMs: number): JobTime {
  if (time === null) return { meanMs: durationMs, deviationMs: durationMs / 2, count: 1 };
  const error = durationMs - time.meanMs;
  return {
    meanMs: time.meanMs + error / 8,
    deviationMs: time.deviationMs + (Math.abs(error) - time.deviationMs) / 8,
    count: time.count + 1,
  };
}

/** A careful guess of how long the next job takes: dear jobs among cheap ones count. */
const guessMs = (time: JobTime) => Math.max(time.meanMs + time.deviationMs, leastJobMs);

/**
 * How many jobs a worker is handed at once: what takes about 20 ms, but so few that the jobs at
 * hand (`backlog`) go round all `workers` twice, and one by one while nothing is known of their
 * time.
 */
export function chunkSize(time: JobTime | null, backlog: number, workers: number): number {
  if (time === null) return 1;
  const byTime = clamp(Math.floor(chunkMs / guessMs(time)), 1, largestChunk);
  const fair = Math.ceil(backlog / (2 * workers));
  return Math.min(byTime, Math.max(fair, Math.ceil(1 / guessMs(time))));
}

export interface ClaimRoom {
  backlog: number;
  idle: number;
  workers: number;
  leftMs?: number;
}

/**
 * How many jobs a pool claims at most and at least, of an entry point whose jobs take `time`: what
 * keeps its workers busy for a quarter of a second beyond the `backlog` that it has, or one for
 * each worker that has nothing to do (`idle`). A cap of 0: not now, because the backlog lasts for a
 * while and each claim costs a transaction; or not any more, since such jobs can't be expected to
 * end in the time that the pool has left (`leftMs`).
 */
export function claimSize(
  time: JobTime | null,
  { backlog, idle, workers, leftMs = Infinity }: ClaimRoom,
): { cap: number; floor: number } {
  const missing = Math.max(idle - backlog, 0);
  if (time === null) return { cap: missing, floor: 1 };
  const jobMs = guessMs(time);
  const ahead = jobsAhead(time, workers);
  const enough = Math.min((workers * refillMs) / jobMs, ahead / 2);
  if (jobMs > leftMs || (missing === 0 && backlog > enough)) return { cap: 0, floor: 1 };
  const inTime = Math.floor((workers * leftMs) / jobMs);
  const cap = Math.max(Math.min(Math.max(ahead, idle), inTime) - backlog, 0);
  return { cap, floor: clamp(Math.floor((workers * chunkMs) / jobMs), 1, Math.max(cap, 1)) };
}

/**
 * How many jobs of the backlog a pool should release, because they take longer than was thought
 * when it claimed them: what its workers don't get to in half a second.
 */
export function surplus(time: JobTime | null, backlog: number, workers: number): number {
  if (time === null) return 0;
  return Math.max(backlog - Math.max(2 * jobsAhead(time, workers), workers), 0);
}

/** What keeps the workers busy for a quarter of a second; less while few were measured (rule 4). */
const jobsAhead = (time: JobTime, workers: number) =>
  Math.min(
    Math.floor((workers * claimMs) / guessMs(time)),
    Math.max(workers, time.count * trustFactor),
    largestClaim,
  );

/** The share of a lane's rest that one pool takes: the tail is shared out among all workers. */
export function claimShare(workers: number, workersOfAllPools: number): number {
  return workers / (2 * Math.max(workers, workersOfAllPools));
}

const clamp = (x: number, least: number, most: number) => Math.min(Math.max(x, least), most);
