import { expect, test } from "bun:test";

import { alone, keepsHouse, looksOut, pollPauseMs, turnMs } from "../../src/domain/crowd.ts";

const dice = Array.from({ length: 1_000 }, (_, i) => (i + 0.5) / 1_000);
const crowd = (pools: number) => ({ pools, waiting: pools });
const count = (isSo: (dice: number) => boolean) => dice.filter((each) => isSo(each)).length;

test("few pools all keep house, look out, and claim at once, every two seconds", () => {
  for (const each of [alone, crowd(4)]) {
    expect(count((roll) => keepsHouse(each, roll))).toBe(1_000);
    expect(count((roll) => looksOut(each, roll))).toBe(1_000);
    expect(dice.every((roll) => turnMs(each, 1, roll) === 0)).toBe(true);
    expect(pollPauseMs(each, 0)).toBe(1_500);
    expect(pollPauseMs(each, 1)).toBe(2_500);
  }
});

test("of a thousand pools, eight keep house, and sixteen look out", () => {
  expect(count((roll) => keepsHouse(crowd(1_000), roll))).toBe(8);
  expect(count((roll) => looksOut(crowd(1_000), roll))).toBe(16);
});

test.each([
  [1, 6],
  [100, 204],
  [5_000, 1_000],
])("of a thousand waiting pools, for %d jobs %d claim at once", (jobs, first) => {
  expect(count((roll) => turnMs(crowd(1_000), jobs, roll) === 0)).toBe(first);
});

test("the others follow, 250 in a second, and not later than they would claim anyway", () => {
  const turns = dice.map((roll) => turnMs(crowd(1_000), 1, roll));
  expect(Math.max(...turns)).toBeWithin(3_900, 4_000);
  expect(turns.filter((ms) => ms > 0 && ms <= 1_000).length).toBe(250);
  expect(turnMs(crowd(100_000), 1, 0.99)).toBe(20_000);
});

test("a thousand waiting pools claim fifty times a second without a notification", () => {
  expect(pollPauseMs(crowd(1_000), 0.5)).toBe(20_000);
  expect(pollPauseMs(crowd(1_000_000), 0.5)).toBe(20_000);
});
