// Durations counted in buckets of equal ratio, so that 1 µs and 10 h fit into one histogram. SQL
// computes the bucket of a duration (src/db/read/figures/attempts.ts); here is all that follows.

/** Buckets for each doubling of the duration: each is 9 % wider than the one before. */
export const bucketsPerDoubling = 8;

/** The counts by bucket; a bucket without any is missing. */
export type LogHistogram = ReadonlyMap<number, number>;

/** Where a bucket begins, in microseconds; it ends where the next one begins. Bucket 0 has 0 µs. */
export const bucketStartUs = (bucket: number): number => 2 ** (bucket / bucketsPerDoubling) - 1;

/** The bucket of a duration in microseconds. */
export const logBucketOf = (us: number): number =>
  Math.floor(Math.log2(us + 1) * bucketsPerDoubling);

/** The sum of histograms. */
export function mergedHistogram(parts: Iterable<LogHistogram>): LogHistogram {
  const sum = new Map<number, number>();
  for (const part of parts) {
    for (const [bucket, count] of part) sum.set(bucket, (sum.get(bucket) ?? 0) + count);
  }
  return sum;
}

/**
 * The duration in microseconds below which a share of all lie, such as 0.5 for the median: within
 * 5 % of the exact one. Null if the histogram is empty.
 */
export function quantileUs(histogram: LogHistogram, share: number): number | null {
  const buckets = [...histogram].sort(([a], [b]) => a - b);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  let before = 0;
  for (const [bucket, count] of buckets) {
    if (before + count >= share * total && count > 0) {
      const within = (share * total - before) / count;
      return 2 ** ((bucket + within) / bucketsPerDoubling) - 1;
    }
    before += count;
  }
  return null;
}

/** One bar of a histogram: the buckets from `first` to before `end`, in microseconds. */
export interface HistogramBar {
  first: number;
  end: number;
  fromUs: number;
  toUs: number;
  count: number;
}

/**
 * The histogram as at most `most` bars of one width on a logarithmic axis, from the first to the
 * last bucket with a count. Without counts there is no bar.
 */
export function barsOf(histogram: LogHistogram, most: number): HistogramBar[] {
  const used = [...histogram].filter(([, count]) => count > 0).map(([bucket]) => bucket);
  if (used.length === 0) return [];
  const [lowest, highest] = [Math.min(...used), Math.max(...used)]; // a few hundred at most
  const width = [1, 2, 4, 8, 16, 32].find((each) => barCount(lowest, highest, each) <= most) ?? 64;
  const first = Math.floor(lowest / width);
  return Array.from({ length: barCount(lowest, highest, width) }, (_, i) => {
    const start = (first + i) * width;
    const bar = { first: start, end: start + width };
    const [fromUs, toUs] = [bucketStartUs(bar.first), bucketStartUs(bar.end)];
    return { ...bar, fromUs, toUs, count: countIn(histogram, bar) };
  });
}

/** How many of a histogram lie in a bar, perhaps of another histogram. */
export function countIn(
  histogram: LogHistogram,
  { first, end }: Pick<HistogramBar, "first" | "end">,
): number {
  let count = 0;
  for (let bucket = first; bucket < end; bucket++) count += histogram.get(bucket) ?? 0;
  return count;
}

const barCount = (lowest: number, highest: number, width: number) =>
  Math.floor(highest / width) - Math.floor(lowest / width) + 1;
