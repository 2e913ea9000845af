import { expect, test } from "bun:test";

import {
  flowState,
  isOver,
  isTolerated,
  type Obstacle,
  stageState,
  type StageStatus,
  stateWithReason,
} from "../../src/domain/flow-status.ts";
import { noJobs } from "../../src/domain/states.ts";

let lastId = 0;
const stage = (more: Partial<StageStatus> = {}): StageStatus => {
  lastId += 1;
  return {
    ...{ stage: `s${lastId}`, id: lastId, entryPoint: "a.ts#a", state: "open", isEnded: false },
    ...{ waits: false, isHeld: true, reason: null, jobCount: 3 },
    ...{ jobs: { ...noJobs, waiting: 3 }, edges: [], obstacles: [] },
    ...more,
  };
};
const done = (more: Partial<StageStatus> = {}) =>
  stage({ state: "finished", isEnded: true, jobs: { ...noJobs, done: 3 }, ...more });
const failed = (more: Partial<StageStatus> = {}) =>
  done({ jobs: { ...noJobs, done: 2, failed: 1 }, ...more });
const waiting = (upstream: StageStatus, more: Partial<StageStatus> = {}) =>
  stage({
    waits: true,
    edges: [{ upstreamId: upstream.id, kind: "after", isMet: false }],
    ...more,
  });
const obstacle = (more: Partial<Obstacle> = {}): Obstacle => ({
  ...{ kind: "after", reason: "1 has 1 failed job", hasEnded: true },
  ...more,
});

test.each([
  ["open", stage()],
  ["running", stage({ jobs: { ...noJobs, waiting: 2, running: 1 } })],
  ["done", done()],
  ["failed", failed()],
  ["cancelled", done({ state: "cancelled" })],
  ["paused", stage({ state: "paused" })],
  ["stopped", stage({ state: "errored_out" })],
  ["waiting", waiting(stage())],
  ["blocked", waiting(failed(), { obstacles: [obstacle()] })],
  ["skipped", waiting(done(), { obstacles: [obstacle({ kind: "failed" })] })],
  ["blocked", waiting(done(), { obstacles: [obstacle(), obstacle({ kind: "failed" })] })],
] as const)("a stage is %s", (state, one) => expect(stageState(one)).toBe(state));

test("a flow runs while a stage of it can go on", () => {
  const first = stage();
  const flow = [first, waiting(first)];
  expect([flowState(flow), isOver(flow)]).toEqual(["running", false]);
});

test("a flow is stuck behind a stopped stage, over several steps", () => {
  const stopped = stage({ state: "errored_out" });
  const next = waiting(stopped);
  const flow = [stopped, next, waiting(next)];
  expect([flowState(flow), isOver(flow)]).toEqual(["stuck", true]);
  const other = [...flow, stage()];
  expect([flowState(other), isOver(other)]).toEqual(["running", false]);
});

test("a stage that waits for a stage that has ended goes on in a moment", () => {
  const first = done();
  expect(isOver([first, waiting(first)])).toBe(false);
});

test("a stage that waits for a posting of no stage goes on", () => {
  const edges = [{ upstreamId: 999, kind: "after", isMet: false }];
  expect(isOver([stage({ waits: true, edges })])).toBe(false);
});

test("a blocked stage is cancelled or run by itself, unless it is held", () => {
  const first = failed();
  const flow = (isHeld: boolean) => [first, waiting(first, { isHeld, obstacles: [obstacle()] })];
  expect([isOver(flow(true)), isOver(flow(false))]).toEqual([true, false]);
});

test("a paused stage may go on at any time", () => {
  const flow = [stage({ state: "paused" }), done()];
  expect([flowState(flow), isOver(flow)]).toEqual(["paused", false]);
});

test("a flow is done although jobs failed, if the stages that need them went on", () => {
  const first = failed();
  const met = done({ edges: [{ upstreamId: first.id, kind: "after", isMet: true }] });
  expect([isTolerated(first, [first, met]), flowState([first, met])]).toEqual([true, "done"]);
  const any = done({ edges: [{ upstreamId: first.id, kind: "any", isMet: true }] });
  expect([isTolerated(first, [first, any]), flowState([first, any])]).toEqual([false, "failed"]);
});

test("a stage for failures that is not needed does not keep a flow from being done", () => {
  const first = done();
  const rescue = waiting(first, { obstacles: [obstacle({ kind: "failed" })] });
  expect([flowState([first, rescue]), isOver([first, rescue])]).toEqual(["done", true]);
});

test("a flow whose stages were cancelled is cancelled", () => {
  expect(flowState([done(), done({ state: "cancelled" })])).toBe("cancelled");
});

test("a sentence about a blocked stage has the reason", () => {
  const one = waiting(failed(), { obstacles: [obstacle()] });
  expect(stateWithReason(one)).toBe("blocked (1 has 1 failed job)");
  expect(stateWithReason(done())).toBe("done");
});
