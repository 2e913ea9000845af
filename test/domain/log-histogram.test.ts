import { expect, test } from "bun:test";

import {
  barsOf,
  bucketStartUs,
  logBucketOf,
  mergedHistogram,
  quantileUs,
} from "../../src/domain/log-histogram.ts";

const histogramOf = (durations: readonly number[]) =>
  mergedHistogram(durations.map((us) => new Map([[logBucketOf(us), 1]])));

test("each duration lies in its bucket, from zero to days", () => {
  for (const us of [0, 1, 7, 1_000, 123_456_789, 10 ** 12]) {
    const bucket = logBucketOf(us);
    expect(bucketStartUs(bucket)).toBeLessThanOrEqual(us + 1e-9 * us);
    expect(bucketStartUs(bucket + 1)).toBeGreaterThan(us);
  }
});

test("quantiles are within 5 % of the exact ones", () => {
  const durations = Array.from({ length: 10_001 }, (_, i) => Math.round(1_000 * 1.001 ** i));
  for (const share of [0.05, 0.5, 0.95, 0.99]) {
    const exact = durations[Math.round(share * 10_000)] ?? 0;
    const found = quantileUs(histogramOf(durations), share) ?? 0;
    expect(Math.abs(found / exact - 1)).toBeLessThan(0.05);
  }
  expect(quantileUs(new Map(), 0.5)).toBeNull();
});

test("bars keep every count and have no gap between them", () => {
  const histogram = histogramOf([3, 5, 1_000, 2_000_000, 2_000_001]);
  const bars = barsOf(histogram, 24);
  expect(bars.length).toBeLessThanOrEqual(24);
  expect(bars.reduce((sum, { count }) => sum + count, 0)).toBe(5);
  for (const [i, bar] of bars.slice(1).entries()) expect(bar.fromUs).toBe(bars[i]?.toUs ?? NaN);
  expect(barsOf(new Map(), 24)).toEqual([]);
});
