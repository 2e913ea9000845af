import { expect, test } from "bun:test";

import { Limits } from "../../../src/pool/session/limits.ts";

test("a posting at its limit is skipped until its time is over, or one of its jobs has ended", () => {
  const limits = new Limits();
  limits.note(
    [
      { postingId: 1, waitMs: 100 },
      { postingId: 2, waitMs: 300 },
    ],
    1_000,
  );
  expect([limits.skipped, limits.nextMs(1_050)]).toEqual([[1, 2], 50]);
  limits.expire(1_100);
  expect(limits.skipped).toEqual([2]);
  expect([limits.free([1]), limits.free([1, 2]), limits.skipped]).toEqual([false, true, []]);
  expect(limits.nextMs(1_200)).toBe(null);
});

test("jobs that come too late get more time, once per claim", () => {
  const limits = new Limits();
  const before = limits.slackMs;
  for (const now of [10, 11, 12]) limits.late(now);
  expect(limits.slackMs).toBe(2 * before);
  limits.late(10 + 2 * before);
  expect(limits.slackMs).toBe(4 * before);
});

test("of jobs that were claimed together and come in time one counts", () => {
  const limits = new Limits();
  limits.late(0);
  const before = limits.slackMs;
  for (let job = 0; job < 100; job++) limits.inTime(7);
  expect(limits.slackMs).toBe(0.9 * before);
});

test("jobs that come in time get less, from 5 s at most to 50 ms at least", () => {
  const limits = new Limits();
  for (let now = 0; now < 1e6; now += 1e4) limits.late(now);
  expect(limits.slackMs).toBe(5_000);
  for (let job = 0; job < 100; job++) limits.inTime(job);
  expect(limits.slackMs).toBe(50);
});
