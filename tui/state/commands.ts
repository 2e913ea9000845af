import { type ChangeCommand, copied, intentOf } from "./actions.ts";
import type { Command } from "./keys.ts";
import {
  chosenRow,
  keyOfFailure,
  ordersOf,
  shownFailures,
  shownKeys,
  shownPostings,
} from "./lists.ts";
import {
  type Effect,
  jobsOnPage,
  type JobsPlace,
  type Model,
  type Place,
  panes,
  placeOf,
  type Step,
} from "./model.ts";
import { withList } from "./prompt.ts";

const just = (model: Model, ...effects: Effect[]): Step => ({ model, effects });

/** How often it may be refreshed, in milliseconds. */
const paces = [500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

/** What a command does. */
export function obey(model: Model, command: Command): Step {
  switch (command) {
    case "up":
      return move(model, -1);
    case "down":
      return move(model, 1);
    case "pageUp":
      return move(model, -pageOf(model));
    case "pageDown":
      return move(model, pageOf(model));
    case "first":
      return move(model, -1e9);
    case "last":
      return move(model, 1e9);
    case "open":
      return open(model);
    case "back":
      return back(model);
    case "nextPane":
      return toPane(model, 1);
    case "previousPane":
      return toPane(model, -1);
    case "postings":
    case "pools":
    case "failures":
      return just({ ...model, places: [{ kind: "overview" }], pane: command });
    case "numbers":
      return just({ ...model, places: [{ kind: "numbers" }] }, { kind: "refresh" });
    case "pause":
    case "resume":
    case "cancel":
    case "retry":
    case "raise":
    case "lower":
    case "drain":
      return ask(model, command);
    default:
      return look(model, command);
  }
}

type LookCommand = Exclude<
  Command,
  | ("up" | "down" | "pageUp" | "pageDown" | "first" | "last" | "open" | "back")
  | ("nextPane" | "previousPane" | "postings" | "pools" | "failures" | "numbers")
  | ChangeCommand
>;

function look(model: Model, command: LookCommand): Step {
  const isList = placeOf(model).kind === "overview";
  const list = model.lists[model.pane];
  switch (command) {
    case "filter": {
      if (!isList) return just(model);
      const { filter } = list;
      return just({ ...model, prompt: { kind: "filter", text: filter, before: filter } });
    }
    case "sort": {
      const sortedBy = (list.sortedBy + 1) % ordersOf(model, model.pane);
      return just(isList ? withList(model, { sortedBy }) : model);
    }
    case "reverse":
      return just(isList ? withList(model, { isReversed: !list.isReversed }) : model);
    case "mark":
    case "markAll":
    case "unmark":
      return just(isList ? mark(model, command) : model);
    case "freeze":
      return just({ ...model, isFrozen: !model.isFrozen }, ...(model.isFrozen ? refresh : []));
    case "refresh":
      return just(model, ...refresh);
    case "faster":
      return just({
        ...model,
        everyMs: paces.findLast((ms) => ms < model.everyMs) ?? model.everyMs,
      });
    case "slower":
      return just({ ...model, everyMs: paces.find((ms) => ms > model.everyMs) ?? model.everyMs });
    case "copy": {
      const text = copied(model);
      if (text === null) return just(model);
      const outcome = { text: `Copied: ${text.split("\n")[0]}`, tone: "dim" } as const;
      return just({ ...model, outcome }, { kind: "copy", text });
    }
    case "save":
      return just(model, { kind: "save" });
    case "onlyFailed":
    case "follow":
      return change(model, command);
    case "help":
      return just({ ...model, prompt: { kind: "help", top: 0 } });
    case "redraw":
      return just(model, { kind: "redraw" });
    case "suspend":
      return just(model, { kind: "suspend" });
    case "quit":
      return just(model, { kind: "leave", signal: null });
    case "interrupt":
      return just(model, { kind: "leave", signal: "SIGINT" });
  }
}

const refresh: readonly Effect[] = [{ kind: "refresh" }];

function ask(model: Model, command: ChangeCommand): Step {
  if (model.isActing) return just(model);
  const intent = intentOf(model, command);
  if ("refusal" in intent)
    return just({ ...model, outcome: { text: intent.refusal, tone: "bad" } });
  return just({ ...model, prompt: { kind: "confirm", ...intent } });
}

function mark(model: Model, command: "mark" | "markAll" | "unmark"): Model {
  const keys = shownKeys(model, model.pane);
  const list = model.lists[model.pane];
  if (command === "unmark") return withList(model, { marked: new Set() });
  if (command === "markAll") return withList(model, { marked: new Set(keys) });
  const key = keys[chosenRow(list, keys)];
  if (key === undefined) return model;
  const marked = new Set(list.marked);
  if (!marked.delete(key)) marked.add(key);
  return move(withList(model, { marked }), 1).model;
}

/** Puts another place where one is. */
const inPlace = (model: Model, place: Place): Model => ({
  ...model,
  places: [...model.places.slice(0, -1), place],
});

function change(model: Model, command: "onlyFailed" | "follow"): Step {
  const place = placeOf(model);
  if (command === "follow" && place.kind === "job") {
    return just(inPlace(model, { ...place, isFollowed: !place.isFollowed }));
  }
  if (command !== "onlyFailed" || place.kind !== "jobs" || place.fingerprint !== null) {
    return just(model);
  }
  const status = place.status === "failed" ? null : "failed";
  const next = { ...place, status, from: 0, before: [], row: 0 } as const;
  return just({ ...inPlace(model, next), page: null }, ...refresh);
}

/** So many rows are a page; what the header and the footer take is left out. */
const pageOf = ({ size }: Model) => Math.max(1, size.rows - 10);

export function move(model: Model, by: number): Step {
  const place = placeOf(model);
  switch (place.kind) {
    case "overview": {
      const keys = shownKeys(model, model.pane);
      const now = chosenRow(model.lists[model.pane], keys);
      const row = Math.max(0, Math.min(keys.length - 1, now + by));
      return just(withList(model, { row, chosen: keys[row] ?? null }));
    }
    case "jobs":
      return moveInJobs(model, place, by);
    case "job": {
      const top = Math.max(0, Math.min(1e6, place.top + by));
      return just(inPlace(model, { ...place, top, isFollowed: by >= 1e9 }));
    }
    case "numbers":
      return just(model);
  }
}

/** Beyond the ends of a page lies the next one: pages are found by key, never counted off. */
function moveInJobs(model: Model, place: JobsPlace, by: number): Step {
  if (model.page === null) return just(model); // its rows are on their way
  const { next, rows: shown } = model.page;
  const [rows, row] = [shown.length, place.row + by];
  // All jobs have an index without a gap, so that one may begin anywhere.
  const isWhole = place.status === null;
  const total = model.snapshot?.postings.find(({ id }) => id === place.postingId)?.jobCount ?? 0;
  const earlier =
    isWhole && place.from > 0 ? Math.max(0, place.from - jobsOnPage(model)) : undefined;
  const previous = place.before.at(-1) ?? earlier;
  if (row >= rows && next !== null && Math.abs(by) < 1e9) {
    const before = [...place.before, place.from];
    return just(
      { ...inPlace(model, { ...place, from: next, before, row: 0 }), page: null },
      ...refresh,
    );
  }
  if (row < 0 && previous !== undefined && Math.abs(by) < 1e9) {
    const before = place.before.slice(0, -1);
    const to = { ...place, from: previous, before, row: 1e6 };
    return just({ ...inPlace(model, to), page: null }, ...refresh);
  }
  if (by === 1e9 && isWhole && next !== null) {
    const from = Math.max(0, total - jobsOnPage(model));
    const to = { ...place, from, before: [], row: 1e6 };
    return just({ ...inPlace(model, to), page: null }, ...refresh);
  }
  if (by === -1e9 && place.from > 0) {
    return just(
      { ...inPlace(model, { ...place, from: 0, before: [], row: 0 }), page: null },
      ...refresh,
    );
  }
  return just(inPlace(model, { ...place, row: Math.max(0, Math.min(rows - 1, row)) }));
}

export function open(model: Model): Step {
  const place = placeOf(model);
  if (place.kind === "jobs") {
    const job = model.page?.rows[place.row];
    if (!job) return just(model);
    const { postingId } = place;
    const to = { kind: "job", postingId, index: job.index, top: 0, isFollowed: false } as const;
    return just({ ...model, job: null, places: [...model.places, to] }, ...refresh);
  }
  if (place.kind !== "overview") return just(model);
  const jobs = { kind: "jobs", from: 0, before: [], row: 0 } as const;
  const keys = shownKeys(model, model.pane);
  const row = chosenRow(model.lists[model.pane], keys);
  if (model.pane === "postings") {
    const posting = shownPostings(model)[row];
    if (!posting) return just(model);
    const title = `posting ${posting.id}  ${posting.name ?? posting.entryPoint}`;
    const to = { ...jobs, postingId: posting.id, title, status: null, fingerprint: null };
    return just({ ...model, page: null, places: [...model.places, to] }, ...refresh);
  }
  if (model.pane === "failures") {
    const group = shownFailures(model).find((each) => keyOfFailure(each) === keys[row]);
    if (!group) return just(model);
    const { postingId, fingerprint, message } = group;
    const title = `posting ${postingId}  ${message}`;
    const to = { ...jobs, postingId, title, status: "failed", fingerprint } as const;
    return just({ ...model, page: null, places: [...model.places, to] }, ...refresh);
  }
  return just(model);
}

function back(model: Model): Step {
  if (model.places.length > 1) {
    const next = { ...model, places: model.places.slice(0, -1), job: null };
    return just(next, ...refresh);
  }
  if (placeOf(model).kind === "numbers") return just({ ...model, places: [{ kind: "overview" }] });
  const list = model.lists[model.pane];
  if (list.filter !== "") return just(withList(model, { filter: "" }));
  return just(list.marked.size > 0 ? withList(model, { marked: new Set() }) : model);
}

function toPane(model: Model, by: number): Step {
  if (placeOf(model).kind !== "overview") return just(model);
  const at = (panes.indexOf(model.pane) + by + panes.length) % panes.length;
  return just({ ...model, pane: panes[at] ?? "postings" });
}
