import { expect, test } from "bun:test";

import { type BinCount, binsOf, busyMs, evenLength } from "../../src/domain/time-bins.ts";

test("bins have lengths that people read easily, and begin at a multiple of them", () => {
  expect(
    [50, 9_000, 61_000, 3_600_000 * 7, 86_400_000 * 90].map((ms) => evenLength(ms, 60)),
  ).toEqual([1, 200, 2_000, 600_000, 172_800_000]);
  expect(binsOf(12_345, 62_345, 60)).toEqual({ startMs: 12_000, binMs: 1_000, count: 51 });
  expect(binsOf(5, 5, 60)).toEqual({ startMs: 5, binMs: 1, count: 1 });
});

test("the busy time of each bin follows from sums over starts and ends alone", () => {
  const bins = { startMs: 0, binMs: 100, count: 5 };
  const attempts = [
    [0, 500], // all the time
    [50, 150],
    [210, 220],
    [299, 301],
    [420, 499],
  ] as const;
  const counted = (moments: readonly number[]): BinCount[] =>
    moments.map((ms) => ({ bin: Math.floor(ms / 100), count: 1, sumMs: ms }));
  const starts = counted(attempts.map(([start]) => start));
  const ends = counted(attempts.map(([, end]) => end));
  expect(busyMs(bins, starts, ends)).toEqual([150, 150, 111, 101, 179]);
});
