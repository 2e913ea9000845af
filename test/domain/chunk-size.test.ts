import { expect, test } from "bun:test";

import {
  chunkSize,
  claimShare,
  claimSize,
  type JobTime,
  measured,
  measuredAll,
  surplus,
} from "../../src/domain/chunk-size.ts";

const steady = (ms: number): JobTime => ({ meanMs: ms, deviationMs: 0, count: 10_000 });

test("jobs of unknown duration are handed out one by one", () => {
  expect(chunkSize(null, 10_000, 4)).toBe(1);
});

test("short jobs are handed out in thousands, long ones one by one", () => {
  expect(chunkSize(steady(0.01), 100_000, 4)).toBe(2000);
  expect(chunkSize(steady(1), 100_000, 4)).toBe(20);
  expect(chunkSize(steady(60_000), 100_000, 4)).toBe(1);
});

test("the last jobs go round all workers twice", () => {
  expect(chunkSize(steady(1), 80, 4)).toBe(10);
  expect(chunkSize(steady(1), 8, 4)).toBe(1);
});

test("dear jobs among cheap ones make chunks small", () => {
  expect(chunkSize({ meanMs: 1, deviationMs: 9, count: 100 }, 100_000, 4)).toBe(2);
});

test("a claim keeps the workers busy for a quarter of a second", () => {
  expect(claimSize(steady(1), { backlog: 0, idle: 0, workers: 4 }).cap).toBe(1000);
  expect(claimSize(steady(1), { backlog: 100, idle: 0, workers: 4 }).cap).toBe(900);
});

test("long and unknown jobs are claimed for idle workers only", () => {
  expect(claimSize(steady(60_000), { backlog: 0, idle: 3, workers: 4 }).cap).toBe(3);
  expect(claimSize(steady(60_000), { backlog: 0, idle: 0, workers: 4 }).cap).toBe(0);
  expect(claimSize(null, { backlog: 0, idle: 3, workers: 4 })).toEqual({ cap: 3, floor: 1 });
  expect(claimSize(null, { backlog: 3, idle: 3, workers: 4 }).cap).toBe(0);
});

test("as long as enough is there, nothing is claimed, unless workers are idle", () => {
  expect(claimSize(steady(1), { backlog: 200, idle: 0, workers: 4 }).cap).toBe(0);
  expect(claimSize(steady(1000), { backlog: 1, idle: 3, workers: 4 }).cap).toBe(2);
});

test("jobs that can't end in the time that is left are not claimed any more", () => {
  expect(claimSize(steady(1000), { backlog: 0, idle: 4, workers: 4, leftMs: 900 }).cap).toBe(0);
  expect(claimSize(steady(10), { backlog: 0, idle: 4, workers: 4, leftMs: 50 }).cap).toBe(20);
});

test("a few jobs are not trusted to speak for thousands", () => {
  expect(claimSize({ ...steady(0.01), count: 3 }, { backlog: 0, idle: 2, workers: 2 }).cap).toBe(
    24,
  );
});

test("jobs that take longer than expected are released, but workers stay busy", () => {
  expect(surplus(steady(1), 1_500, 4)).toBe(0);
  expect(surplus(steady(100), 1_500, 4)).toBe(1_480);
  expect(surplus(steady(60_000), 10, 4)).toBe(6);
  expect(surplus(null, 10, 4)).toBe(0);
});

test("a claim is never so large that it takes a backlog for seconds", () => {
  expect(claimSize(steady(0.001), { backlog: 0, idle: 64, workers: 64 }).cap).toBe(10_000);
});

test("one pool takes half of a lane's rest, two equal ones a quarter each", () => {
  expect(claimShare(4, 4)).toBe(0.5);
  expect(claimShare(4, 8)).toBe(0.25);
  expect(claimShare(4, 0)).toBe(0.5);
});

test("jobs that are measured together count as if they were measured one after the other", () => {
  const durations = [4, 1, 0.5, 20, 7];
  for (const before of [null, measured(null, 3)]) {
    const expected = durations.reduce<JobTime | null>(measured, before);
    expect(measuredAll(before, Float64Array.from(durations))).toEqual(expected);
    expect(measuredAll(before, new Float64Array(0))).toEqual(before);
  }
});

test("the measured time follows the jobs", () => {
  let time = measured(null, 100);
  for (let i = 0; i < 100; i++) time = measured(time, 1);
  expect(time.meanMs).toBeCloseTo(1, 1);
  expect(time.deviationMs).toBeLessThan(0.1);
});
