/** The measured durations of jobs of one entry point. */
export interface JobTime {
  /** Exponentially weighted mean and mean deviation of measured durations, in milliseconds. */
  meanMs: number;
  deviationMs: number;
  /** The number of measurements. */
  count: number;
}

/** Below this, the overhead of a job exceeds the time of the user's function. */
const leastJobMs = 0.01;
const chunkMs = 20;
const claimMs = 250;
/** The largest ratio of the jobs of a claim to the number of measured jobs. */
const trustFactor = 8;
/** A claim takes a multiple of this duration; with less work left, the pool claims again. */
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

/** As {@link measured}, with one duration after the other. */
export function measuredAll(time: JobTime | null, durationsMs: Float64Array): JobTime | null {
  const [firstMs] = durationsMs;
  if (firstMs === undefined) return time;
  let { meanMs, deviationMs } = time ?? measured(null, firstMs);
  for (let i = time ? 0 : 1; i < durationsMs.length; i++) {
    const error = (durationsMs[i] ?? meanMs) - meanMs;
    meanMs += error / 8;
    deviationMs += (Math.abs(error) - deviationMs) / 8;
  }
  return { meanMs, deviationMs, count: (time?.count ?? 0) + durationsMs.length };
}

/** A cautious estimate of the next job's duration, which accounts for slow jobs among fast ones. */
const guessMs = (time: JobTime) => Math.max(time.meanMs + time.deviationMs, leastJobMs);

/**
 * The number of jobs to pass to a worker at once: about 20 ms of work, but few enough that the
 * claimed jobs (`backlog`) suffice for two rounds of all `workers`. One by one while no duration is
 * known.
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
 * The maximum and minimum number of jobs to claim for an entry point whose jobs take `time`. Keeps
 * the workers busy for a quarter of a second beyond the current `backlog`, or takes one job for
 * each idle worker (`idle`). A cap of 0 means no claim: the backlog lasts for a while and each
 * claim costs a transaction, or the jobs are not expected to end within the remaining time of the
 * pool (`leftMs`).
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
 * The number of jobs of the backlog to release, because they take longer than expected when they
 * were claimed: all that workers do not reach within half a second.
 */
export function surplus(time: JobTime | null, backlog: number, workers: number): number {
  if (time === null) return 0;
  return Math.max(backlog - Math.max(2 * jobsAhead(time, workers), workers), 0);
}

/**
 * The jobs that keep the workers busy for a quarter of a second; fewer while few were measured
 * (rule 4).
 */
const jobsAhead = (time: JobTime, workers: number) =>
  Math.min(
    Math.floor((workers * claimMs) / guessMs(time)),
    Math.max(workers, time.count * trustFactor),
    largestClaim,
  );

/**
 * The share of the remaining jobs of a lane that one pool takes, so that the last jobs are divided
 * among all workers.
 */
export function claimShare(workers: number, workersOfAllPools: number): number {
  return workers / (2 * Math.max(workers, workersOfAllPools));
}

const clamp = (x: number, least: number, most: number) => Math.min(Math.max(x, least), most);
