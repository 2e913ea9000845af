import { expect, test } from "bun:test";

import { changePerRound, ratios, resultLines, spreadOf, tenths } from "../../bench/measure.ts";

test("the spread of an odd number of values has the middle one as its median", () => {
  expect(spreadOf([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5 });
});

test("the median of an even number of values lies between the two in the middle", () => {
  expect(spreadOf([4, 1, 3, 100])).toEqual({ median: 3.5, min: 1, max: 100 });
});

test("a ratio is taken of two rates of the same round", () => {
  const a = { name: "a", rates: [100, 10] };
  const b = { name: "b", rates: [50, 5] };
  expect(ratios(a, b)).toEqual([2, 2]);
});

test("the table shows both contenders and their ratio", () => {
  const a = { name: "ours", rates: [300_000, 100_000, 200_000] };
  const b = { name: "theirs", rates: [100_000, 100_000, 100_000] };
  expect(resultLines("post", a, b)).toEqual([
    "post   ours                  200,000    100,000    300,000",
    "post   theirs                100,000    100,000    100,000",
    "post   ratio                  2.00 x     1.00 x     3.00 x",
  ]);
});

test("tenths are the means of ten parts of the values, in their order", () => {
  const values = Array.from({ length: 30 }, (_, place) => Math.floor(place / 3));
  expect(tenths(values)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("rates that do not change have no trend, and those that fall have one below zero", () => {
  expect(changePerRound([100, 100, 100, 100])).toBe(0);
  expect(changePerRound([110, 100, 90])).toBeCloseTo(-0.1);
  expect(changePerRound([90, 110, 90, 110, 90])).toBeCloseTo(0);
});
