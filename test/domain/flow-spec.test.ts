import { expect, test } from "bun:test";

import { resumePlan } from "../../src/domain/flow-resume.ts";
import {
  flowDifferences,
  parseSpec,
  stageDifferences,
  type StageSpec,
} from "../../src/domain/flow-spec.ts";
import type { StageStatus } from "../../src/domain/flow-status.ts";
import { noJobs } from "../../src/domain/states.ts";

const spec = (more: Partial<StageSpec> = {}): StageSpec => ({
  ...{ name: "a", run: "a.ts#a", options: [], upstreams: [] },
  jobs: { count: 3_000, partJobs: 1_000, parts: ["1", "2", "3"] },
  ...more,
});

test.each([
  [spec(), []],
  [spec({ run: "b.ts#b" }), ["its entry point was a.ts#a, is b.ts#b"]],
  [spec({ options: ["root=x"] }), ["its options were none, are root=x"]],
  [spec({ upstreams: ["after b"] }), ["its upstreams were none, are after b"]],
  [spec({ jobs: { count: 1, partJobs: 1_000, parts: ["1"] } }), ["it had 3,000 jobs, has 1 job"]],
  [
    spec({ jobs: { count: 3_000, partJobs: 1_000, parts: ["1", "x", "3"] } }),
    ["its arguments changed between job 1000 and job 1999"],
  ],
  [
    spec({ jobs: { count: 3_000, partJobs: 1_000, parts: ["x", "2", "y"] } }),
    ["its arguments changed between job 0 and job 2999"],
  ],
  [spec({ jobs: { count: 3_000, partJobs: 3_000, parts: ["4"] } }), ["its arguments changed"]],
])("a stage differs by %j", (now, texts) => expect(stageDifferences(spec(), now)).toEqual(texts));

test("the differences of a flow name stages that are new or missing", () => {
  const before = { stages: [spec(), spec({ name: "b" })] };
  const now = { stages: [spec({ run: "x.ts#x" }), spec({ name: "c" })] };
  expect(flowDifferences(before, now)).toEqual([
    "b: is missing now",
    "a: its entry point was a.ts#a, is x.ts#x",
    "c: is new",
  ]);
});

test("a flow that was posted without a spec has none", () => {
  expect(parseSpec({})).toEqual({ stages: [] });
});

const status = (stage: string, more: Partial<StageStatus> = {}): StageStatus => ({
  ...{ stage, id: 1, entryPoint: "a.ts#a", state: "finished", isEnded: true, waits: false },
  ...{ isHeld: true, reason: null, jobCount: 3, jobs: { ...noJobs, done: 3 } },
  ...{ edges: [], obstacles: [] },
  ...more,
});
const after = (...stages: string[]) => stages.map((stage) => ({ stage, kind: "after" }));

test("a changed stage runs again, with the stages behind it", () => {
  const plans = resumePlan(
    [
      { name: "a", upstreams: [], differences: ["it had 1 job, has 2 jobs"] },
      { name: "b", upstreams: after("a"), differences: [] },
      { name: "c", upstreams: after("b"), differences: [] },
      { name: "d", upstreams: [], differences: [] },
      { name: "e", upstreams: [], differences: null },
    ],
    ["a", "b", "c", "d"].map((name) => status(name)),
  );
  expect([...plans.values()].map(({ isKept, why }) => [isKept, why])).toEqual([
    [false, "it had 1 job, has 2 jobs"],
    [false, "a, which it waits for, runs again"],
    [false, "b, which it waits for, runs again"],
    [true, "done and unchanged"],
    [false, "it is new"],
  ]);
});

test("of unchanged stages those run again that failed, were stopped or cancelled", () => {
  const statuses = [
    status("failed", { jobs: { ...noJobs, done: 1, failed: 2 } }),
    status("stopped", { state: "errored_out", isEnded: false, reason: "20 jobs failed" }),
    status("cancelled", { state: "cancelled" }),
    status("open", { state: "open", isEnded: false }),
    status("waiting", { state: "open", isEnded: false, waits: true }),
  ];
  const same = statuses.map(({ stage: name }) => ({ name, upstreams: [], differences: [] }));
  const plans = resumePlan(same, statuses);
  expect([...plans.values()].map(({ isKept, why }) => [isKept, why])).toEqual([
    [false, "2 of its jobs failed"],
    [false, "it was stopped: 20 jobs failed"],
    [false, "it was cancelled: no reason given"],
    [true, "open and unchanged"],
    [true, "waiting and unchanged"],
  ]);
});
