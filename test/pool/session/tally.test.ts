import { expect, test } from "bun:test";

import {
  type PendingOutcome,
  pendingOne,
  type PendingRun,
} from "../../../src/pool/session/outcome-batch.ts";
import { Tally } from "../../../src/pool/session/tally.ts";

const ended = (more: Partial<PendingOutcome>): PendingRun =>
  pendingOne({
    ...{ leaseId: 1, postingId: 7, seq: 0, attempt: 1, state: "done", ageMs: 0, durationMs: 2 },
    ...{ workerPid: 1, result: null, error: null, stdout: null, stderr: null, delayMs: null },
    ...{ endedAt: performance.now(), jobCount: 1, routeId: 1, entryPoint: "a.ts#f" },
    ...more,
  });

test("ended attempts are reported once, by state, duration and second", () => {
  const tally = new Tally();
  tally.add([ended({}), ended({ state: "failed" }), ended({ state: "retried", durationMs: 1e9 })]);
  const told = tally.take(2, {});
  expect(told).toMatchObject({ busy: 2, done: 1, failed: 1, retried: 1 });
  expect(told.recent).toHaveLength(60);
  expect(told.recent.reduce((sum, count) => sum + count, 0)).toBe(3);
  expect([told.durations[3], told.durations.at(-1)]).toEqual([2, 1]);
  expect(tally.take(0, {})).toMatchObject({ done: 0, failed: 0, retried: 0, starts: [] });
});

test("a sample of starts is reported, of first attempts alone", () => {
  const tally = new Tally();
  tally.add([ended({ attempt: 2 })]);
  tally.add(Array.from({ length: 5_000 }, (_, postingId) => ended({ postingId })));
  const { starts } = tally.take(0, {});
  expect(starts).toHaveLength(200);
  expect(new Set(starts.map(({ postingId }) => postingId)).size).toBe(200);
  expect(Math.max(...starts.map(({ postingId }) => postingId))).toBeGreaterThan(1_000);
});
