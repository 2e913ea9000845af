import { expect, test } from "bun:test";

import { JobLines } from "../../../src/domain/job-lines.ts";
import {
  countOf,
  OutcomeBatch,
  outcomesOf,
  outcomeRefused,
  type PendingOutcome,
  pendingOne,
  type PendingRun,
  sizeOf,
  split,
} from "../../../src/pool/session/outcome-batch.ts";
import { OutcomeBound } from "../../../src/pool/session/outcome-bound.ts";
import { Tally } from "../../../src/pool/session/tally.ts";

const run = (more: Partial<PendingRun> = {}): PendingRun => ({
  ...{ leaseId: 3, postingId: 7, attempt: 1, workerPid: 9, state: "done", jobCount: 6 },
  ...{ routeId: 1, entryPoint: "a.ts#f" },
  ...{ firstSeq: 10, results: null, errors: null, stdouts: null, stderrs: null, delaysMs: null },
  usage: null,
  endedAt: Float64Array.of(1, 2, 3),
  durationsMs: Float64Array.of(0.25, 0.05, 4),
  ...more,
});

const failed: PendingOutcome = {
  ...{ leaseId: 4, postingId: 7, seq: 2, attempt: 2, state: "retried", ageMs: 0, durationMs: 8 },
  ...{ workerPid: 5, result: null, error: "{}", stdout: 'o"ut\n', stderr: null, delayMs: 40 },
  ...{ endedAt: 4, jobCount: 6, usage: null, routeId: 1, entryPoint: "a.ts#f" },
};

const texts = { results: JobLines.in('"a"\n\n[1]', 3), stdouts: JobLines.in('"x\\n"\n""\n', 3) };

const batches = [
  [run()],
  [run(), run({ firstSeq: 13 })],
  [run(), pendingOne(failed), run({ leaseId: 8, ...texts })],
  [pendingOne(failed), run({ postingId: 8, jobCount: 3, attempt: 4 })],
];

test.each(batches)("runs are sent as their outcomes one by one would be", (...batch) => {
  const [whole, singly] = [batch, batch.flatMap(outcomesOf).map(pendingOne)].map((runs) => {
    const { packed, packedAt, byLease, byPosting, whole, count } = new OutcomeBatch(runs);
    const ages = packed.ages.slice(1, -1).split(",").map(Number);
    const endedAt = ages.map((age) => Math.round(packedAt - age / 1_000));
    return { packed: { ...packed, ages: null }, endedAt, byLease, byPosting, whole, count };
  });
  expect(whole).toEqual(singly);
});

test("the outcomes of a run have its texts", () => {
  expect(outcomesOf(pendingOne(failed))).toEqual([failed]);
  expect(outcomesOf(run(texts))).toMatchObject([
    { seq: 10, endedAt: 1, durationMs: 0.25, result: '"a"', stdout: "x\n" },
    { seq: 11, endedAt: 2, durationMs: 0.05, result: null, stdout: "" },
    { seq: 12, endedAt: 3, durationMs: 4, result: "[1]", stdout: null },
  ]);
});

test("a run that is split has the same outcomes, of the same size", () => {
  const whole = run(texts);
  const parts = split(whole, 1);
  expect(parts.map(countOf)).toEqual([1, 2]);
  expect(parts.flatMap(outcomesOf)).toEqual(outcomesOf(whole));
  expect(parts.map(sizeOf)).toEqual([8, 5]);
  expect(sizeOf(whole)).toBe(13);
});

test("an outcome that was refused is replaced by a failure without its values", () => {
  const [first] = split(run(texts), 1);
  const [instead] = outcomesOf(outcomeRefused(first, new Error("no \u00fc")));
  expect(instead).toMatchObject({ state: "failed", seq: 10, result: null, stdout: null });
  expect(instead?.error).toMatch(/"OutcomeRefused".*refused the result.*no \?/);
});

test.each(batches)("runs are counted as their outcomes one by one would be", (...batch) => {
  const [tally, singly] = [new Tally(), new Tally()];
  tally.add(batch);
  singly.add(batch.flatMap(outcomesOf).map(pendingOne));
  const { starts, ...counts } = tally.take(1, {});
  const { starts: expected, ...expectedCounts } = singly.take(1, {});
  expect(counts).toEqual(expectedCounts);
  expect(starts.map(({ postingId }) => postingId)).toEqual(expected.map((each) => each.postingId));
});

test("a run counts in the bound of waiting outcomes with all its jobs and texts", () => {
  using bound = disposable(new OutcomeBound(() => {}));
  const long = new Float64Array(50_000);
  const many = run({ durationsMs: long, endedAt: long });
  bound.add(many);
  expect(bound.isFull).toBe(false);
  bound.add(many);
  expect(bound.isFull).toBe(true);
  bound.remove([many]);
  expect(bound.isFull).toBe(false);
  bound.add(run({ stdouts: JobLines.in(`\n${"x".repeat(64 * 1024 * 1024)}\n`, 3) }));
  expect(bound.isFull).toBe(true);
});

const disposable = (bound: OutcomeBound) =>
  Object.assign(bound, { [Symbol.dispose]: () => bound.clear() });
