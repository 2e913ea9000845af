/** Limits in milliseconds: attempts are counted by duration between them. */
export const durationLimits: readonly number[] = [
  0.1, 0.3, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 60_000, 300_000, 1_800_000,
  7_200_000, 28_800_000, 86_400_000,
];

/** Counts by duration: below `upToMs` milliseconds, and not below the limit before. */
export type Histogram = readonly { upToMs: number; count: number }[];

/** The bucket of a duration: the number of limits it has reached. */
export function bucketOf(ms: number): number {
  let bucket = 0;
  while (ms >= (durationLimits[bucket] ?? Infinity)) bucket++;
  return bucket;
}

/** The counts with their limits; the last one has no limit. */
export const histogramOf = (counts: readonly number[]): Histogram =>
  [...durationLimits, Infinity].map((upToMs, at) => ({ upToMs, count: counts[at] ?? 0 }));
