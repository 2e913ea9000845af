/** Which attempts a pool traces. */
export interface TraceSampler {
  /** Of the attempts that nothing else decides about, from 0 to 1. */
  share: number;
  /**
   * Whether the sampled flag of a posting's trace counts: without it none of its attempts is
   * traced; with it the attempts of a posting of one job are, because they are its children.
   */
  heedsParent: boolean;
  /** Whether failures and the first ten jobs of each posting are traced in any case. */
  keepsNotable: boolean;
}

/** An attempt, as far as it matters for sampling. */
export interface SampledAttempt {
  posting: number;
  index: number;
  /** Null for none. */
  traceparent: string | null;
  /** Whether its posting has no other job. */
  isAlone: boolean;
  isFailure: boolean;
}

const firstJobs = 10;

/**
 * Which jobs of a run are traced, by their index. It depends on the job, not on the pool, so that
 * each attempt at a traced job is traced. A function for a run, because jobs are many and short.
 */
export function tracedJobs(
  { posting, traceparent, isAlone, isFailure }: Omit<SampledAttempt, "index">,
  { share, heedsParent, keepsNotable }: TraceSampler,
): (index: number) => boolean {
  if (heedsParent && traceparent !== null) {
    if (!isSampled(traceparent)) return () => false;
    if (isAlone) return () => true;
  }
  const notable = !keepsNotable ? 0 : isFailure ? Infinity : firstJobs;
  return (index) => index < notable || hash(posting, index) < share;
}

/** Whether an attempt is traced. */
export const isTraced = (attempt: SampledAttempt, sampler: TraceSampler): boolean =>
  tracedJobs(attempt, sampler)(attempt.index);

/** The sampled flag of a W3C `traceparent`. */
const isSampled = (traceparent: string): boolean =>
  (Number.parseInt(traceparent.slice(-2), 16) & 1) === 1;

/** Of two numbers, evenly spread from 0 to below 1 (the finalizer of MurmurHash3). */
function hash(a: number, b: number): number {
  let h = Math.imul(a ^ (a / 2 ** 32), 0x9e3779b1) ^ b;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}
