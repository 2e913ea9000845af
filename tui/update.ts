import { withSample } from "../src/domain/pace.ts";
import { bindingOf } from "./state/keys.ts";
import { obey } from "./state/commands.ts";
import { shownKeys } from "./state/lists.ts";
import { type Event, type Model, panes, placeOf, type Step } from "./state/model.ts";
import { promptKey, promptPaste } from "./state/prompt.ts";
import { onMouse } from "./pointer.ts";
import type { Snapshot } from "../src/db/dashboard/top-snapshot.ts";
import { endedOf } from "./state/posting-columns.ts";

const rateWindowMs = 60_000;
/** What is seen between two snapshots that come shortly after another is chance. */
const leastSeconds = 0.4;

/** What becomes of the dashboard when something happens, and what is to be done then. */
export function update(before: Model, event: Event, nowMs: number): Step {
  const model = { ...before, nowMs };
  switch (event.kind) {
    case "key":
      return onKey(model, event.key);
    case "paste":
      return { model: promptPaste(model, event.text), effects: [] };
    case "mouse":
      return onMouse(model, event);
    case "resize":
      return { model: { ...model, size: event.size }, effects: [] };
    case "tick":
      return { model, effects: [] };
    case "snapshot":
      return { model: withSnapshot(model, event.snapshot, event.tookMs), effects: [] };
    case "page": {
      const place = placeOf(model);
      const isHere = place.kind === "jobs" && isSamePage(place, event.place);
      if (!isHere) return { model, effects: [] };
      const row = Math.max(0, Math.min(place.row, event.page.rows.length - 1));
      const places = [...model.places.slice(0, -1), { ...place, row }];
      return { model: { ...model, page: event.page, places }, effects: [] };
    }
    case "job": {
      const place = placeOf(model);
      const isHere =
        place.kind === "job" && place.postingId === event.postingId && place.index === event.index;
      return { model: isHere ? { ...model, job: event.job } : model, effects: [] };
    }
    case "numbers":
      return { model: { ...model, numbers: event.numbers }, effects: [] };
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

type PageId = {
  postingId: number;
  from: number;
  status: string | null;
  fingerprint: string | null;
};

const isSamePage = (a: PageId, b: PageId) =>
  a.postingId === b.postingId &&
  a.from === b.from &&
  a.status === b.status &&
  a.fingerprint === b.fingerprint;

function onKey(model: Model, key: string): Step {
  const binding = bindingOf(key);
  // These work everywhere, or else a prompt could lock somebody in.
  const isAlways = /^(interrupt|suspend|redraw)$/.test(binding?.command ?? "");
  if (model.prompt && !isAlways) return promptKey(model, key);
  return binding ? obey(model, binding.command) : { model, effects: [] };
}

function withSnapshot(model: Model, snapshot: Snapshot, tookMs: number): Model {
  const { nowMs } = model;
  const samples = new Map(
    snapshot.postings.map((posting) => {
      const before = model.samples.get(posting.id) ?? [];
      return [posting.id, withSample(before, { atMs: nowMs, ended: endedOf(posting) })] as const;
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

/** Of postings that both snapshots have: one that comes or goes is no jump. */
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

/** Marks of what is gone are gone with it. */
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
