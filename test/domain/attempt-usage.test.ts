import { expect, test } from "bun:test";

import {
  attemptsIn,
  eachUsage,
  raisePeak,
  sliceUsage,
  spanOf,
  totalUsage,
  unmeasured,
} from "../../src/domain/attempt-usage.ts";

const used = (x: number) => ({
  ...{ userUs: x, systemUs: 2 * x, peakBytes: 1_000 + x, readBytes: NaN, writtenBytes: 3 * x },
});
/** Four attempts together, one that was not measured, and one alone. */
const spans = new Float64Array([
  ...spanOf(4, used(40)),
  ...spanOf(1, unmeasured),
  ...spanOf(1, used(7)),
]);

test("attempts that were measured together have equal shares of the sums, and the peak of all", () => {
  const each = [...eachUsage(spans)];
  expect(each.map(({ userUs }) => userUs)).toEqual([10, 10, 10, 10, NaN, 7]);
  expect(each.map(({ peakBytes }) => peakBytes)).toEqual([1040, 1040, 1040, 1040, NaN, 1007]);
  expect(attemptsIn(spans)).toBe(6);
});

test("what is cut adds up to the whole, wherever it is cut", () => {
  const whole = totalUsage([spans]);
  expect(whole).toEqual({ ...used(47), peakBytes: 1_040 });
  for (let at = 1; at < 6; at++) {
    const parts = [sliceUsage(spans, 0, at), sliceUsage(spans, at, 6)];
    expect(parts.map(attemptsIn)).toEqual([at, 6 - at]);
    expect(totalUsage(parts)).toEqual(whole);
  }
  expect(totalUsage([spanOf(3, unmeasured)])).toEqual(unmeasured);
});

test("a peak is raised for an attempt that was measured alone, and never lowered", () => {
  const peaks = (raised: Float64Array) => [...eachUsage(raised)].map(({ peakBytes }) => peakBytes);
  expect(peaks(raisePeak(spans, 4, 99)).slice(3)).toEqual([1_040, 99, 1_007]);
  expect(peaks(raisePeak(spans, 5, 5_000)).slice(3)).toEqual([1_040, NaN, 5_000]);
  expect(peaks(raisePeak(spans, 5, 5))).toEqual(peaks(spans));
  expect(peaks(raisePeak(spans, 2, 5_000))).toEqual(peaks(spans));
});

test("anything but spans has no attempts", () => {
  expect(
    [[], [1], [0, 1, 1, 1, 1, 1], [1.5, 1, 1, 1, 1, 1], [NaN, 1, 1, 1, 1, 1]].map((all) =>
      attemptsIn(new Float64Array(all)),
    ),
  ).toEqual([0, 0, 0, 0, 0]);
});
