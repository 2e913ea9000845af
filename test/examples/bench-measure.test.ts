import { expect, test } from "bun:test";

import { ratios, resultLines, spreadOf } from "../../bench/measure.ts";

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
