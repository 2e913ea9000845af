import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";

import { blockSeparator } from "../../../src/db/connection/array.ts";
import { type OutcomeRun, packRuns, type PackedRuns } from "../../../src/db/engine/outcome-rows.ts";
import type { OutcomeState } from "../../../src/domain/attempt.ts";
import { spanOf, unmeasured, type UsageSpans } from "../../../src/domain/attempt-usage.ts";
import { JobLines } from "../../../src/domain/job-lines.ts";

const now = 1_000;

interface Job {
  state: OutcomeState;
  workerPid: number;
  endedAt: number;
  durationMs: number;
  delayMs: number | null;
  result: string | null;
  stdout: string | null;
}

/** Jobs one after the other, as a run of their first one's state and worker. */
function runOf(jobs: readonly Job[], more: Partial<OutcomeRun> = {}): OutcomeRun {
  const [first] = jobs;
  if (!first) throw new Error("expected a job");
  const lines = (texts: readonly (string | null)[]) =>
    texts.some((text) => text !== null) ? JobLines.in(texts.join("\n"), texts.length) : null;
  const { state, workerPid } = first;
  return {
    ...{ leaseId: 3, postingId: 7, attempt: 1, firstSeq: 0, state, workerPid },
    endedAt: Float64Array.from(jobs, ({ endedAt }) => endedAt),
    durationsMs: Float64Array.from(jobs, ({ durationMs }) => durationMs),
    delaysMs: state === "retried" ? Float64Array.from(jobs, ({ delayMs }) => delayMs ?? 0) : null,
    ...{ results: lines(jobs.map(({ result }) => result)), errors: null },
    ...{ stdouts: lines(jobs.map(({ stdout }) => stdout)), stderrs: null, usage: null },
    ...more,
  };
}

const job = (more: Partial<Job> = {}): Job => ({
  ...{ state: "done", workerPid: 9, endedAt: 900, durationMs: 1, delayMs: null },
  ...{ result: null, stdout: null },
  ...more,
});

const numbers = (list: string) => list.slice(1, -1).split(",").map(Number);

/** The rows that the server would write. */
function rowsOf(packed: PackedRuns) {
  const firsts = packed.firsts === "{}" ? [] : numbers(packed.firsts);
  const at = (texts: string | null, i: number) => texts?.split(blockSeparator)[i] ?? null;
  return firsts.map((first, i) => ({
    lease: numbers(packed.leases)[i],
    ...{ first, end: numbers(packed.ends)[i] ?? 0 },
    state: packed.states.slice(1, -1).split(",")[i],
    ageUs: numbers(packed.ages)[i] ?? 0,
    offsets: numbers(at(packed.offsets, i) ?? ""),
    durations: numbers(at(packed.durations, i) ?? ""),
    pids: numbers(at(packed.pids, i) ?? ""),
    delays: at(packed.delays, i),
    ...{ results: at(packed.results, i), stdouts: at(packed.stdouts, i) },
    usage: at(packed.usages, i),
  }));
}

const anyText = (longest: number) =>
  fc.option(
    fc.integer({ min: 1, max: longest }).map((length) => "x".repeat(length)),
    { freq: 3 },
  );
const anyJob = (longestText: number) =>
  fc.record({
    state: fc.constantFrom("done", "failed", "retried"),
    workerPid: fc.integer({ min: 8, max: 9 }),
    endedAt: fc.double({ min: 0, max: now, noNaN: true }),
    durationMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
    delayMs: fc.option(fc.nat(1_000)),
    ...{ result: anyText(longestText), stdout: anyText(longestText) },
  });
const times = (longest: number, count: number) =>
  fc
    .tuple(anyJob(longest), fc.integer({ min: 1, max: count }))
    .map(([one, n]) => Array.from({ length: n }, () => one));
const anyPart = fc.oneof(times(70_000, 3), times(20, 3), times(100, 2_500));

test("each job of any runs is in one row, with its numbers and texts, and no row is too large", () => {
  fc.assert(
    fc.property(fc.array(anyPart, { minLength: 1, maxLength: 6 }), (parts) => {
      let seq = 0;
      const runs = parts.map((jobs) => {
        const run = runOf(jobs, { firstSeq: seq });
        seq += jobs.length;
        return run;
      });
      const rows = rowsOf(packRuns(runs.toReversed(), now));
      const jobs = parts.flat();
      let next = 0;
      for (const row of rows) {
        const { first, end, offsets, durations, pids } = row;
        const own = jobs.slice(first, end);
        expect(first).toBe(next);
        next = end;
        expect([offsets.length, durations.length]).toEqual([own.length, own.length]);
        const earliest = Math.min(...own.map(({ endedAt }) => endedAt));
        expect(row.ageUs).toBe(Math.round((now - earliest) * 1_000));
        expect(own.length === 1 || own.length <= 1_000).toBe(true);
        for (const [kind, lines] of [
          ["result", row.results],
          ["stdout", row.stdouts],
        ] as const) {
          const found = lines ?? "";
          expect(found === "" ? "\n".repeat(own.length - 1) : found).toBe(
            own.map((each) => each[kind] ?? "").join("\n"),
          );
          expect(own.length === 1 || (lines ?? "").length <= 65_536).toBe(true);
        }
        for (const [i, each] of own.entries()) {
          expect(row.state).toBe(each.state);
          expect(offsets[i]).toBe(Math.floor(each.endedAt - earliest));
          expect(durations[i]).toBe(Math.round(each.durationMs * 1_000));
          expect(pids[i] ?? pids[0]).toBe(each.workerPid);
          if (each.state === "retried") {
            expect(numbers(row.delays ?? "")[i]).toBe(each.delayMs ?? 0);
          }
        }
      }
      expect(next).toBe(jobs.length);
    }),
    { numRuns: 100, seed: 8 },
  );
});

test("runs of two workers that follow each other become one row, with the worker of each job", () => {
  const a = runOf([job(), job()], { firstSeq: 4 });
  const b = runOf([job({ workerPid: 5, endedAt: 890 })], { firstSeq: 6 });
  expect(rowsOf(packRuns([b, a], now))).toMatchObject([
    { first: 4, end: 7, ageUs: 110_000, offsets: [10, 10, 0], pids: [9, 9, 5] },
  ]);
  expect(rowsOf(packRuns([a], now))).toMatchObject([{ pids: [9] }]);
});

test("a row of several workers has at most 100 jobs, unlike one of one worker", () => {
  const times = (count: number, more: Partial<Job>) =>
    Array.from({ length: count }, () => job(more));
  const a = runOf(times(60, {}));
  const b = runOf(times(40, { workerPid: 5 }), { firstSeq: 60 });
  const c = runOf(times(1, { workerPid: 5 }), { firstSeq: 100 });
  expect(rowsOf(packRuns([a, b, c], now))).toMatchObject([
    { first: 0, end: 100, pids: expect.arrayContaining([9, 5]) },
    { first: 100, end: 101, pids: [5] },
  ]);
  const more = runOf(times(41, { workerPid: 5 }), { firstSeq: 60 });
  expect(rowsOf(packRuns([a, more], now))).toMatchObject([{ pids: [9] }, { pids: [5] }]);
  const same = runOf(times(900, {}), { firstSeq: 60 });
  expect(rowsOf(packRuns([a, same], now))).toMatchObject([{ first: 0, end: 960, pids: [9] }]);
});

test.each([
  ["another lease", { leaseId: 4 }],
  ["another posting", { postingId: 8 }],
  ["another attempt", { attempt: 2 }],
  ["another state", { state: "failed" as const }],
  ["a gap before it", { firstSeq: 2 }],
])("a run with %s is a row of its own", (_how, more) => {
  const runs = [runOf([job()]), runOf([job()], { firstSeq: 1, ...more })];
  expect(rowsOf(packRuns(runs, now))).toHaveLength(2);
});

describe("U8: the usage of a row is", () => {
  const spent = (x: number) => ({ ...unmeasured, userUs: x, systemUs: 1, peakBytes: 100 - x });
  const short = (firstSeq: number, usage: UsageSpans | null) =>
    runOf([job(), job()], { firstSeq, usage });
  const usagesOf = (...runs: OutcomeRun[]) => rowsOf(packRuns(runs, now)).map(({ usage }) => usage);

  test("the sum of its jobs, and the largest peak", () => {
    const two = [short(0, spanOf(2, spent(5))), short(2, spanOf(2, spent(8)))];
    expect(usagesOf(...two)).toEqual(["{13,2,95,null,null}"]);
  });

  test("the sum of its measured jobs", () => {
    expect(usagesOf(short(0, null), short(2, spanOf(2, spent(8))))).toEqual(["{8,1,92,null,null}"]);
    expect(usagesOf(short(0, null))).toEqual([null]);
  });

  test("a number for each job, if one ran for 50 ms", () => {
    const long = runOf([job({ durationMs: 50 })], { firstSeq: 2, usage: spanOf(1, spent(60)) });
    const row = usagesOf(short(0, spanOf(2, spent(5))), long, short(3, null));
    const columns = ["3,3,60,null,null", "1,1,1,null,null", "95,95,40,null,null"];
    const none = "null,null,null,null,null";
    expect(row).toEqual([`{${[...columns, none, none].join(",")}}`]);
  });

  test("its share, of a run that is cut", () => {
    const many = Array.from({ length: 1_500 }, () => job());
    const rows = usagesOf(runOf(many, { usage: spanOf(1_500, spent(30)) }));
    expect(rows).toEqual(["{20,1,70,null,null}", "{10,0,70,null,null}"]);
  });
});

test("a row is full at 1,000 jobs, and at 65,536 characters of a text", () => {
  const counts = (jobs: Job[]) => rowsOf(packRuns([runOf(jobs)], now)).map((r) => r.end - r.first);
  expect(counts(Array.from({ length: 2_001 }, () => job()))).toEqual([1_000, 1_000, 1]);
  const result = "x".repeat(32_767);
  expect(counts([result, result, result].map((each) => job({ result: each })))).toEqual([2, 1]);
  const stdout = "x".repeat(100_000);
  expect(counts([job({ stdout }), job({ stdout: '"a"' })])).toEqual([1, 1]);
});

test("jobs that ended months apart are within the numbers of the database", () => {
  const [row] = rowsOf(packRuns([runOf([job({ endedAt: 0 }), job({ endedAt: 1e12 })])], 1e12));
  expect(row?.offsets).toEqual([0, 2 ** 31 - 1]);
});

test("no runs are empty columns", () => {
  expect(packRuns([], now)).toMatchObject({
    leases: "{}",
    states: "{}",
    offsets: "",
    delays: null,
  });
});
