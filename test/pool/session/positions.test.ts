import { expect, test } from "bun:test";

import { Positions } from "../../../src/pool/session/positions.ts";

const singles = (first: number, count: number, attempt = 1) =>
  Array.from({ length: count }, (_, i) => ({
    ...{ leaseId: 1, postingId: first + i, firstSeq: 0, endSeq: 1, attempt },
  }));

test("claims of a route begin at the first posting of the last claim, for a second", () => {
  const positions = new Positions();
  expect(positions.at(false, 0)).toEqual([]);
  positions.learn(7, singles(1, 500), false, 0);
  positions.learn(7, singles(501, 500), false, 900);
  positions.learn(8, singles(2_000, 500), false, 900);
  expect(positions.at(false, 999)).toEqual([501, 2_000]);
  expect(positions.at(false, 1_000)).toEqual([2_000]); // route 7 is read from the start
  positions.learn(7, singles(3, 500), false, 1_001);
  expect(positions.at(false, 1_500)).toEqual([2_000, 3]);
});

test("claims of the oldest lanes have positions of their own", () => {
  const positions = new Positions();
  positions.learn(7, singles(1, 500), true, 0);
  expect(positions.at(false, 1)).toEqual([]);
  expect(positions.at(true, 1)).toEqual([1]);
});

test("claims of few postings, or of retries, are no position", () => {
  const positions = new Positions();
  positions.learn(7, singles(1, 99), false, 0);
  positions.learn(7, singles(1, 500, 2), false, 0);
  positions.learn(7, [], false, 0);
  expect(positions.at(false, 1)).toEqual([]);
});
