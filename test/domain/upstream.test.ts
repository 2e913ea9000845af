import { expect, test } from "bun:test";
import * as fc from "fast-check";

import { levelsOf, rangeOfGroup } from "../../src/domain/upstream.ts";

test("the levels of a reduction end with one job, of any number of results", () => {
  expect(levelsOf(1_000_000, 100)).toEqual([10_000, 100, 1]);
  expect(levelsOf(101, 100)).toEqual([2, 1]);
  expect(levelsOf(100, 100)).toEqual([1]);
  expect(levelsOf(1, 2)).toEqual([1]);
  expect(levelsOf(1_000_000, null)).toEqual([1]);
});

test("the jobs of each level read each result of the level before once", () => {
  const counts = fc.integer({ min: 1, max: 5_000 });
  const sizes = fc.oneof(fc.integer({ min: 2, max: 50 }), fc.constant(2 ** 31 - 1));
  fc.assert(
    fc.property(counts, sizes, (jobCount, groupSize) => {
      let before = jobCount;
      for (const count of levelsOf(jobCount, groupSize)) {
        const upstream = { posting: 1, jobCount: before, done: 0, failed: 0, cancelled: 0 };
        let next = 0;
        for (let index = 0; index < count; index++) {
          const { first, end } = rangeOfGroup({ ...upstream, groupSize }, index);
          expect(first).toBe(next);
          expect(end).toBeGreaterThan(first);
          next = end;
        }
        expect(next).toBe(before);
        before = count;
      }
      expect(before).toBe(1);
    }),
  );
});
