// A flow is one row of the list of postings, which opens into its stages.
import { expect, test } from "bun:test";

import type { Snapshot, TopPosting } from "../../src/db/dashboard/top-snapshot.ts";
import { type Model, viewOf } from "../../tui/state/model.ts";
import {
  after,
  busy,
  flows,
  nowAt,
  posting,
  press,
  readable,
  snapshot,
  stage,
  terminals,
  waitsFor,
} from "./scene.ts";

const size = { columns: 160, rows: 60 };
const shown = (...keys: string[]) => after(size, [snapshot(flows), ...press(...keys)]);

/** The rows of the list of postings: the signs and numbers at their beginning, and the names. */
const rowsOf = (model: Model) =>
  readable(model, terminals.color)
    .split("\n")
    .filter((row) => /^[▸ ][◆ ] *[▹▿]?\d+ .*%/.test(row));
const names = (model: Model) =>
  rowsOf(model).map((row) => /[▹▿]?\d+ +\S +\S+/.exec(row)?.[0].replace(/ +/g, " "));
const withPostings = (...postings: TopPosting[]): Snapshot => ({ ...busy, postings });
const only = (...postings: TopPosting[]) => after(size, [snapshot(withPostings(...postings))]);

const noJobs = { waiting: 0, running: 0, retrying: 0, done: 0, failed: 0, cancelled: 0 };
const ended = (done: number, failed = 0, cancelled = 0): Partial<TopPosting> => ({
  ...{ state: "finished", endedAt: nowAt, jobs: { ...noJobs, done, failed, cancelled } },
});

test("a flow is one row: ended stages, a bar over all its jobs, and its state", () => {
  const [flow, ...others] = rowsOf(shown());
  expect(flow).toMatch(/▹7 ● night 1\/4 .* 35% +400 .* running/);
  expect(others.map((row) => row.slice(2, 15))).toEqual([" 55 ○ alone  ", " 48 ■ follows"]);
});

test("Enter opens a flow into its stages in their order, → goes on to them, and ← folds it", () => {
  const open = shown("enter");
  expect(names(open)).toEqual([
    "▿7 ● night",
    "50 ✓ reduce",
    "51 ● measure",
    "52 ○ catalogue",
    "53 ○ alert",
    "55 ○ alone",
    "48 ■ follows",
  ]);
  expect(shown("right", "right", "down").lists.postings.chosen).toBe("51");
  const folded = shown("right", "right", "down", "left");
  expect(names(folded)).toEqual(names(shown()));
  expect(folded.lists.postings.chosen).toBe("flow 7");
  expect(names(shown("enter", "escape"))).toEqual(names(shown()));
});

test("each stage has its bar, its state and what it waits for; the newest posting counts", () => {
  const [, reduce, measure, catalogue, alert] = rowsOf(shown("enter"));
  expect(reduce).toMatch(/ {3}✓ reduce .*█ 100% .* finished/);
  expect(measure).toMatch(/ {3}● measure .*█░+ +40% .* running/);
  expect(catalogue).toMatch(/░ +0% .* waiting .* after measure \(40%\)/);
  expect(alert).toMatch(/waiting .* after catalogue \(0%\)/);
});

test("Enter on a stage opens its posting, and Esc leads back to the open flow", () => {
  const there = shown("enter", "down", "enter");
  expect(viewOf(there)).toMatchObject({
    ...{ kind: "jobs", postingId: 50, title: "posting 50  night reduce" },
  });
  expect(names(shown("enter", "down", "enter", "escape"))).toEqual(names(shown("enter")));
});

test("a posting that waits says for what, and a blocked one why", () => {
  const [row] = rowsOf(only(posting(9, waitsFor(4))));
  expect(row).toMatch(/○ .* waiting .* after 4$/);
  expect(rowsOf(shown()).at(-1)).toMatch(/■ follows .* blocked .* 47 has 3 failed jobs/);
});

test("at 80 columns the causes stay, and the entry points go", () => {
  const narrow = after({ columns: 80, rows: 24 }, [snapshot(flows), ...press("enter")]);
  const text = readable(narrow, terminals.color);
  expect(text).toContain("47 has 3 failed jobs");
  expect(text).toContain("after measure (40%)");
  expect(text).not.toContain("entry point");
});

test("the state of a flow is that of what goes on, or why nothing does", () => {
  const state = (...postings: TopPosting[]) => {
    const [row = ""] = rowsOf(only(...postings));
    const [, stages, text, note] = /night (\S+) .* (\w+) +ann(.*)$/.exec(row) ?? [];
    return [stages, `${text} ${note?.trim()}`.trim()];
  };
  const cause = "1 has 3 failed jobs";
  const waiting = stage(2, "b", waitsFor(1));
  const blocked = stage(2, "b", waitsFor(1, cause));
  const running = stage(3, "c", { jobs: { ...noJobs, running: 1 } });
  const reason = "10 failures in a row";
  expect(state(stage(1, "a"), waiting)).toEqual(["0/2", "waiting"]);
  expect(state(stage(1, "a", ended(97, 3)), blocked)).toEqual(["1/2", `blocked b: ${cause}`]);
  expect(state(blocked, running)).toEqual(["0/2", `running b: ${cause}`]);
  expect(state(stage(1, "a", { state: "paused" }), waiting)).toEqual(["0/2", "paused"]);
  expect(state(stage(1, "a", { state: "errored_out", reason }), waiting)).toEqual([
    ...["0/2", `stopped a: ${reason}`],
  ]);
  expect(state(stage(1, "a", ended(100)), stage(2, "b", ended(97, 3)))).toEqual(["2/2", "failed"]);
  expect(state(stage(1, "a", ended(100)), stage(2, "b", ended(100)))).toEqual(["2/2", "finished"]);
  const tolerates: Partial<TopPosting> = {
    waitsFor: [{ posting: 1, kind: "after", state: "met", cause: null }],
  };
  expect(
    state(stage(1, "a", ended(97, 3)), stage(2, "b", { ...ended(100), ...tolerates })),
  ).toEqual(["2/2", "finished"]);
  const isSkipped = { ...waitsFor(1), isSkipped: true };
  expect(state(stage(1, "a", ended(100)), stage(2, "alert", isSkipped))).toEqual([
    ...["2/2", "finished"],
  ]);
});

test("skipped jobs are counted", () => {
  const [row] = rowsOf(only(posting(1, { ...ended(900, 0, 100), skippedJobs: 100 })));
  expect(row).toMatch(/finished .* 100 skipped/);
});

test("a flow matches a filter if a stage does, and opens into the stages that match", () => {
  const filtered = (filter: string, ...keys: string[]) =>
    names(shown("/", ...Array.from(filter), "enter", ...keys));
  expect(filtered("reduce")).toEqual(["▹7 ● night"]);
  expect(filtered("reduce", "enter")).toEqual(["▿7 ● night", "50 ✓ reduce"]);
  expect(filtered("stage:alert", "enter")).toEqual(["▿7 ● night", "53 ○ alert"]);
  expect(filtered("@night", "enter")).toHaveLength(5);
  expect(filtered("flow:night after", "enter")).toEqual([
    ...["▿7 ● night", "52 ○ catalogue", "53 ○ alert"],
  ]);
  expect(filtered("state:blocked")).toEqual(["48 ■ follows"]);
});

test("sorting moves a flow with its stages, which keep their order", () => {
  expect(names(shown("enter", "s", "o"))).toEqual([
    "48 ■ follows",
    ...names(shown("enter")).slice(0, 5),
    "55 ○ alone",
  ]);
});

test("an action on a flow is for the stages that it can change, with their number", () => {
  const question = (...keys: string[]) => {
    const { prompt, outcome } = shown(...keys);
    return prompt?.kind === "confirm" ? prompt : outcome?.text;
  };
  expect(question("c")).toEqual({
    kind: "confirm",
    action: { kind: "cancel", ids: [51, 52, 53] },
    question: "Cancel 3 stages of flow 7 (night) for good, with 260 jobs that have not ended?",
  });
  expect(question("r")).toBe("4 stages of flow 7 (night): nothing to retry");
  expect(question("enter", "j", "j", "p")).toMatchObject({ action: { kind: "pause", ids: [51] } });
  // A flow and its stages may all be marked: each is changed once.
  expect(question("enter", "*", "p")).toMatchObject({
    action: { kind: "pause", ids: [51, 52, 53, 55, 48] },
  });
});

test("a click opens the chosen flow, another one folds it", () => {
  const y = readable(shown(), terminals.color)
    .split("\n")
    .findIndex((row) => row.includes("night"));
  const click = { kind: "mouse", action: "click", x: 10, y } as const;
  expect(names(after(size, [snapshot(flows), click]))).toHaveLength(7);
  expect(names(after(size, [snapshot(flows), click, click]))).toHaveLength(3);
});

test("y copies the number of a flow", () => {
  expect(shown("y").outcome?.text).toBe("Copied: 7");
});
