import { withSample } from "./draw/pace.ts";
import { bindingOf } from "./state/keys.ts";
import { obey } from "./state/commands.ts";
import { shownKeys } from "./state/lists.ts";
import { type Event, type JobsView, type Model, panes, viewOf, type Step } from "./state/model.ts";
import { promptKey, promptPaste } from "./state/prompt.ts";
import { onMouse } from "./pointer.ts";
import type { Snapshot } from "../src/db/dashboard/top-snapshot.ts";
import { foldFlows, stageRows } from "./state/flow-rows.ts";
import { endedOf } from "./state/posting-state.ts";

const rateWindowMs = 60_000;
/** Two snapshots that are closer together say nothing about the rate. */
const leastSeconds = 0.4;

/** The time for which the last line shows a message. */
const outcomeMs = 8_000;

/** The model after an event, and the actions to take. */
export function update(before: Model, event: Event, nowMs: number): Step {
  const { model, effects } = next({ ...before, nowMs }, event);
  if (model.outcome !== before.outcome) {
    return { model: { ...model, outcomeSinceMs: nowMs }, effects };
  }
  const isOver = model.outcome !== null && nowMs - model.outcomeSinceMs > outcomeMs;
  return isOver ? { model: { ...model, outcome: null }, effects } : { model, effects };
}

function next(model: Model, event: Event): Step {
  const { nowMs } = model;
  switch (event.kind) {
    case "key":
      return onKey(model, event.key);
    case "paste":
      return promptPaste(model, event.text);
    case "mouse":
      return onMouse(model, event);
    case "resize":
      return { model: { ...model, size: event.size }, effects: [] };
    case "tick":
      return { model, effects: [] };
    case "snapshot":
      return { model: withSnapshot(model, event.snapshot, event.tookMs), effects: [] };
    case "page": {
      const view = viewOf(model);
      const isHere = view.kind === "jobs" && isSamePage(view, event.view);
      if (!isHere) return { model, effects: [] };
      const row = Math.max(0, Math.min(view.row, event.page.rows.length - 1));
      const views = [...model.views.slice(0, -1), { ...view, row }];
      return { model: { ...model, page: event.page, views }, effects: [] };
    }
    case "job": {
      const view = viewOf(model);
      const isHere =
        view.kind === "job" && view.postingId === event.postingId && view.index === event.index;
      return { model: isHere ? { ...model, job: event.job } : model, effects: [] };
    }
    case "pool": {
      const view = viewOf(model);
      const isHere = view.kind === "pool" && view.poolId === event.poolId;
      return { model: isHere ? { ...model, poolDetails: event.details } : model, effects: [] };
    }
    case "metrics":
      return { model: { ...model, metrics: event.metrics }, effects: [] };
    case "schedules":
      return { model: { ...model, schedules: event.schedules }, effects: [] };
    case "fault": {
      const sinceMs = model.fault?.sinceMs ?? nowMs;
      return { model: { ...model, fault: { message: event.message, sinceMs } }, effects: [] };
    }
    case "acted": {
      const outcome = { text: event.text, tone: event.isGood ? "good" : "bad" } as const;
      return { model: { ...model, outcome, isActing: false }, effects: [{ kind: "refresh" }] };
    }
  }
}

const pageKeys = [
  ...(["postingId", "from", "status", "fingerprint"] as const),
  ...(["words", "sortedBy", "isReversed"] as const),
];

const isSamePage = (a: JobsView, b: JobsView) => pageKeys.every((key) => a[key] === b[key]);

function onKey(model: Model, key: string): Step {
  const binding = bindingOf(key);
  // These work in a prompt too: nobody can be locked in.
  const isAlways = /^(interrupt|suspend|redraw)$/.test(binding?.command ?? "");
  if (model.prompt && !isAlways) return promptKey(model, key);
  return binding ? obey(model, binding.command) : { model, effects: [] };
}

function withSnapshot(model: Model, snapshot: Snapshot, tookMs: number): Model {
  const { nowMs } = model;
  const folded = foldFlows(snapshot).rows;
  const samples = new Map(
    [...folded, ...folded.flatMap(stageRows)].map(({ key, posting }) => {
      const before = model.samples.get(key) ?? [];
      return [key, withSample(before, { atMs: nowMs, ended: endedOf(posting) })] as const;
    }),
  );
  const next: Model = {
    ...model,
    snapshot,
    tookMs,
    takenAtMs: nowMs,
    fault: null,
    samples,
    ...withRate(model, snapshot),
  };
  return { ...next, lists: keptLists(next) };
}

/** Counts postings that are in both snapshots: one that comes or goes is no jump. */
function withRate(model: Model, snapshot: Snapshot): Pick<Model, "rates" | "ratedFrom"> {
  const from = model.ratedFrom;
  if (!from) return { rates: [], ratedFrom: snapshot };
  const known = new Map(from.postings.map((each) => [each.id, endedOf(each)]));
  const seconds = (snapshot.at.getTime() - from.at.getTime()) / 1_000;
  if (seconds < leastSeconds) return { rates: model.rates, ratedFrom: from };
  const ended = snapshot.postings.reduce(
    (sum, each) => sum + Math.max(0, endedOf(each) - (known.get(each.id) ?? endedOf(each))),
    0,
  );
  const recent = model.rates.filter(({ atMs }) => atMs > model.nowMs - rateWindowMs);
  const rates = [...recent, { atMs: model.nowMs, perSecond: ended / seconds }];
  return { rates, ratedFrom: snapshot };
}

/** Removes the marks of rows that are gone. */
function keptLists(model: Model): Model["lists"] {
  const lists = { ...model.lists };
  for (const pane of panes) {
    const { marked } = lists[pane];
    if (marked.size === 0) continue;
    const all = { ...lists[pane], filter: "" };
    const keys = new Set(shownKeys({ ...model, lists: { ...lists, [pane]: all } }, pane));
    lists[pane] = { ...lists[pane], marked: new Set([...marked].filter((key) => keys.has(key))) };
  }
  return lists;
}
