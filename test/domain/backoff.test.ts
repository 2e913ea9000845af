import { expect, test } from "bun:test";

import { retryDelayMs } from "../../src/domain/attempt.ts";

test("the wait doubles with each attempt", () => {
  expect([1, 2, 3, 4].map((attempt) => retryDelayMs(1000, attempt, 0))).toEqual([
    1000, 2000, 4000, 8000,
  ]);
});

test("the wait stops growing at an hour", () => {
  expect(retryDelayMs(1000, 50, 0)).toBe(3_600_000);
  expect(retryDelayMs(1000, 1000, 0)).toBe(3_600_000);
});

test("chance takes up to a quarter off, never more", () => {
  expect(retryDelayMs(1000, 1, 0.5)).toBe(875);
  expect(retryDelayMs(1000, 1, 0.999999)).toBe(750);
});

test("a base of 0 retries at once", () => {
  expect(retryDelayMs(0, 7, 0.3)).toBe(0);
});
