/** What is known of how long the jobs of one entry point take. */
export interface JobTime {
  /** Exponentially weighted mean and mean deviation of measured durations, in milliseconds. */
  meanMs: number;
  deviationMs: number;
}

/** Below this, what a job costs outside of the user's function counts more than the function. */
const leastJobMs = 0.01;
const chunkMs = 20;
const claimMs = 250;
const largestChunk = 2_000;
const largestClaim = 5_000;

/** The job time after one more measured duration; the first one is taken as it is. */
export function measured(time: JobTime | null, durationMs: number): JobTime {
  if (time === null) return { meanMs: durationMs, deviationMs: durationMs / 2 };
  const error = durationMs - time.meanMs;
  return {
    meanMs: time.meanMs + error / 8,
    deviationMs: time.deviationMs + (Math.abs(error) - time.deviationMs) / 8,
  };
}

/** A careful guess of how long the next job takes: dear jobs among cheap ones count. */
const guessMs = (time: JobTime) => Math.max(time.meanMs + time.deviationMs, leastJobMs);

/**
 * How many jobs a worker is handed at once: what takes about 20 ms, but so few that the jobs at hand
 * (`backlog`) go round all `workers` twice, and one by one while nothing is known of their time.
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
 * How many jobs a pool claims at most and at least, of an entry point whose jobs take `time`:
 * what keeps its workers busy for a quarter of a second beyond the `backlog` that it has, or
 * one for each worker that has nothing to do (`idle`). A cap of 0: not now, or not any more, since
 * they can't be expected to end in the time that the pool has left (`leftMs`).
 */
export function claimSize(
  time: JobTime | null,
  { backlog, idle, workers, leftMs = Infinity }: ClaimRoom,
): { cap: number; floor: number } {
  if (time !== null && guessMs(time) > leftMs) return { cap: 0, floor: 1 };
  if (time === null) return { cap: Math.max(idle - backlog, 0), floor: 1 };
  const ahead = Math.floor((workers * claimMs) / guessMs(time));
  const inTime = Math.floor((workers * leftMs) / guessMs(time));
  const cap = clamp(Math.min(Math.max(ahead, idle), inTime) - backlog, 0, largestClaim);
  return {
    cap,
    floor: clamp(Math.floor((workers * chunkMs) / guessMs(time)), 1, Math.max(cap, 1)),
  };
}

/** The share of a lane's rest that one pool takes: the tail is shared out among all workers. */
export function claimShare(workers: number, workersOfAllPools: number): number {
  return workers / (2 * Math.max(workers, workersOfAllPools));
}

const clamp = (x: number, least: number, most: number) => Math.min(Math.max(x, least), most);
