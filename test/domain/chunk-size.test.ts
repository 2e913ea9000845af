import { expect, test } from "bun:test";

import {
  chunkSize,
  claimShare,
  claimSize,
  type JobTime,
  measured,
} from "../../src/domain/chunk-size.ts";

const steady = (ms: number): JobTime => ({ meanMs: ms, deviationMs: 0 });

test("jobs of which nothing is known are handed out one by one", () => {
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
  expect(chunkSize({ meanMs: 1, deviationMs: 9 }, 100_000, 4)).toBe(2);
});

test("a claim keeps the workers busy for a quarter of a second", () => {
  expect(claimSize(steady(1), { backlog: 0, idle: 0, workers: 4 }).cap).toBe(1000);
  expect(claimSize(steady(1), { backlog: 900, idle: 0, workers: 4 }).cap).toBe(100);
});

test("long and unknown jobs are claimed for idle workers only", () => {
  expect(claimSize(steady(60_000), { backlog: 0, idle: 3, workers: 4 }).cap).toBe(3);
  expect(claimSize(steady(60_000), { backlog: 0, idle: 0, workers: 4 }).cap).toBe(0);
  expect(claimSize(null, { backlog: 0, idle: 3, workers: 4 })).toEqual({ cap: 3, floor: 1 });
  expect(claimSize(null, { backlog: 3, idle: 3, workers: 4 }).cap).toBe(0);
});

test("a claim is never so large that it takes a backlog for seconds", () => {
  expect(claimSize(steady(0.001), { backlog: 0, idle: 64, workers: 64 }).cap).toBe(5000);
});

test("one pool takes half of a lane's rest, two equal ones a quarter each", () => {
  expect(claimShare(4, 4)).toBe(0.5);
  expect(claimShare(4, 8)).toBe(0.25);
  expect(claimShare(4, 0)).toBe(0.5);
});

test("the measured time follows the jobs", () => {
  let time = measured(null, 100);
  for (let i = 0; i < 100; i++) time = measured(time, 1);
  expect(time.meanMs).toBeCloseTo(1, 1);
  expect(time.deviationMs).toBeLessThan(0.1);
});
