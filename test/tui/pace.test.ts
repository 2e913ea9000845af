import { expect, test } from "bun:test";

import { bar, paceOf, roughTime, type Sample, withSample } from "../../tui/draw/pace.ts";

const samples = (...ended: number[]): Sample[] => {
  let all: Sample[] = [];
  ended.forEach((n, place) => (all = withSample(all, { atMs: place * 1_000, ended: n })));
  return all;
};

test("the pace is computed over the last minute, and unknown before two seconds", () => {
  expect(paceOf(samples(0), 100)).toBeNull();
  expect(paceOf(samples(0, 10), 100)).toBeNull();
  expect(paceOf(samples(0, 10, 20), 100)).toEqual({ perSecond: 10, leftMs: 8_000 });
  const slow = samples(0, 500, ...Array<number>(61).fill(500));
  expect(paceOf(slow, 1_000)).toEqual({ perSecond: 0, leftMs: null });
});

test("jobs that were retried by hand never make the pace negative", () => {
  expect(paceOf(samples(90, 80, 70), 100)).toEqual({ perSecond: 0, leftMs: null });
  expect(paceOf(samples(80, 90, 100), 100)?.leftMs).toBe(0);
});

test.each([
  [1, "1 s"],
  [89_000, "89 s"],
  [150_000, "3 min"],
  [9_000_000, "2.5 h"],
  [200_000_000, "2 days"],
])("%p ms is about %s", (ms, text) => expect(roughTime(ms)).toBe(text));

test("a bar is full only at the end", () => {
  expect([0, 0.5, 0.999, 1].map((share) => bar(share, 4))).toEqual([
    "[----]",
    "[##--]",
    "[###-]",
    "[####]",
  ]);
});
