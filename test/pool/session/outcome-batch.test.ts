import { expect, test } from "bun:test";

import {
  OutcomeBatch,
  outcomesOf,
  type PendingOutcome,
  type PendingRun,
} from "../../../src/pool/session/outcome-batch.ts";
import { OutcomeBound } from "../../../src/pool/session/outcome-bound.ts";
import { Tally } from "../../../src/pool/session/tally.ts";

const run = (more: Partial<PendingRun> = {}): PendingRun => ({
  ...{ leaseId: 3, postingId: 7, attempt: 1, workerPid: 9, state: "done", jobCount: 6 },
  ...{ firstSeq: 10, results: null, bytes: 0 },
  endedAt: Float64Array.of(1, 2, 3),
  durationsMs: Float64Array.of(0.25, 0.05, 4),
  ...more,
});

const failed: PendingOutcome = {
  ...{ leaseId: 4, postingId: 7, seq: 2, attempt: 2, state: "retried", ageMs: 0, durationMs: 8 },
  ...{ workerPid: 5, result: null, error: "{}", stdout: "out", stderr: null, delayMs: 40 },
  ...{ endedAt: 4, jobCount: 6 },
};

const batches = [
  [run()],
  [run(), run({ firstSeq: 13 })],
  [run(), failed, run({ leaseId: 8, results: ['"a"', null, "[1]"], bytes: 6 })],
  [failed, run({ postingId: 8, jobCount: 3, attempt: 4 })],
];

/** Ages are compared separately: they depend on when a batch was packed. */
const sent = ({ packed, byLease, byPosting, whole, count }: OutcomeBatch) => ({
  ...{ byLease, byPosting, whole, count },
  packed: { ...packed, ages: null },
});

test.each(batches)("runs are sent as their outcomes one by one would be", (...batch) => {
  const packed = new OutcomeBatch(batch);
  const singly = new OutcomeBatch(batch.flatMap(outcomesOf));
  expect(sent(packed)).toEqual(sent(singly));
  const ages = (each: OutcomeBatch) => {
    const micros = each.packed.ages.slice(1, -1).split(",").map(Number);
    return micros.map((age) => Math.round(each.packedAt - age / 1_000));
  };
  expect(ages(packed)).toEqual(ages(singly));
  expect(ages(packed)).toEqual(batch.flatMap(outcomesOf).map(({ endedAt }) => endedAt));
});

test.each(batches)("runs are counted as their outcomes one by one would be", (...batch) => {
  const [tally, singly] = [new Tally(), new Tally()];
  tally.add(batch);
  singly.add(batch.flatMap(outcomesOf));
  const { starts, ...counts } = tally.take(1);
  const { starts: expected, ...expectedCounts } = singly.take(1);
  expect(counts).toEqual(expectedCounts);
  expect(starts.map(({ postingId }) => postingId)).toEqual(expected.map((each) => each.postingId));
});

test("a run counts in the bound of waiting outcomes with all its jobs and results", () => {
  using bound = disposable(new OutcomeBound(() => {}));
  const long = new Float64Array(50_000);
  const many = run({ durationsMs: long, endedAt: long });
  bound.add(many);
  expect(bound.isFull).toBe(false);
  bound.add(many);
  expect(bound.isFull).toBe(true);
  bound.remove([many]);
  expect(bound.isFull).toBe(false);
  bound.add(run({ bytes: 64 * 1024 * 1024 }));
  expect(bound.isFull).toBe(true);
});

const disposable = (bound: OutcomeBound) =>
  Object.assign(bound, { [Symbol.dispose]: () => bound.clear() });
