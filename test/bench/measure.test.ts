import { expect, test } from "bun:test";

import { changePerRound, percentile, ratios, spreadOf, tenths } from "../../bench/measure.ts";

test("the spread of an odd number of values has the middle one as its median", () => {
  expect(spreadOf([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5 });
});

test("the median of an even number of values lies between the two in the middle", () => {
  expect(spreadOf([4, 1, 3, 100])).toEqual({ median: 3.5, min: 1, max: 100 });
});

test("a ratio is taken of two rates of the same round", () => {
  expect(ratios([100, 10], [50, 5])).toEqual([2, 2]);
});

test("a percentile is the smallest value that N percent of the values do not exceed", () => {
  const values = Array.from({ length: 100 }, (_, place) => 100 - place);
  expect([0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([50, 99, 100]);
  expect(percentile([7], 0.5)).toBe(7);
});

test("tenths are the means of ten parts of the values, in their order", () => {
  const values = Array.from({ length: 30 }, (_, place) => Math.floor(place / 3));
  expect(tenths(values)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("constant rates have no trend, and falling rates have one below zero", () => {
  expect(changePerRound([100, 100, 100, 100])).toBe(0);
  expect(changePerRound([110, 100, 90])).toBeCloseTo(-0.1);
  expect(changePerRound([90, 110, 90, 110, 90])).toBeCloseTo(0);
});
