import { expect, test } from "bun:test";

import { Chunk } from "../../../src/pool/run/chunk.ts";
import { RunList } from "../../../src/pool/wire/leased-run.ts";
import { leasedRun, lines, posting, shown } from "./leased-runs.ts";

/** Ends up to `most` jobs from a position on; returns their first seq and number, or null. */
function end(chunk: Chunk, position: number, most: number) {
  const run = chunk.next(position, most);
  if (run) chunk.ended(run);
  return run && [run.firstSeq, run.count];
}

test("jobs end in the order of their positions, and each of them once", () => {
  const chunk = new Chunk(0, new RunList([leasedRun(10, 5)]));
  expect(end(chunk, 1, 1)).toBeNull();
  expect(end(chunk, 0, 2)).toEqual([10, 2]);
  for (const position of [0, 1, 3, -1, 0.5]) expect(end(chunk, position, 1)).toBeNull();
  expect([chunk.at(1), chunk.at(2)?.seq]).toEqual([null, 12]);
  expect(end(chunk, 2, 99)).toEqual([12, 3]);
  expect(chunk.isEmpty).toBe(true);
  expect(end(chunk, 5, 1)).toBeNull();
});

test("ends of several runs are passed on run by run", () => {
  const runs = [7, 8, 9].map((id) => leasedRun(0, 1, { posting: posting(id) }));
  const chunk = new Chunk(0, new RunList([...runs, leasedRun(3, 4)]));
  const ids: number[] = [];
  for (let position = 0; !chunk.isEmpty;) {
    const run = chunk.next(position, 99);
    if (!run) throw new Error(`expected a run at ${position}`);
    chunk.ended(run);
    ids.push(run.posting.id);
    position += run.count;
  }
  expect(ids).toEqual([7, 8, 9, 1]);
});

test("jobs that were taken back are here no more, and do not end", () => {
  const chunk = new Chunk(0, new RunList([leasedRun(0, 4), leasedRun(4, 4)]));
  end(chunk, 0, 1);
  expect(shown(chunk.takeFrom(6))).toEqual([[6, 2, lines(6, 2)]]);
  expect(shown(chunk.takeFrom(3))).toEqual([
    [3, 1, lines(3, 1)],
    [4, 2, lines(4, 2)],
  ]);
  expect(chunk.at(3)).toBeNull();
  expect(shown(chunk.unfinished)).toEqual([[1, 2, lines(1, 2)]]);
  expect(end(chunk, 1, 99)).toEqual([1, 2]);
  expect([chunk.isEmpty, end(chunk, 3, 1)]).toEqual([true, null]);
});

test("a job that has ended is not taken back, even if the worker's page says so", () => {
  const chunk = new Chunk(0, new RunList([leasedRun(0, 4)]));
  end(chunk, 0, 2);
  expect(shown(chunk.takeFrom(0))).toEqual([[2, 2, lines(2, 2)]]);
  expect(chunk.isEmpty).toBe(true);
});
