import { type ChangeCommand, copied, intentOf } from "./actions.ts";
import { bindings, type Command, keyName } from "./keys.ts";
import {
  chosenRow,
  keyOfFailure,
  ordersOf,
  shownFailures,
  shownKeys,
  shownPools,
  shownPostings,
} from "./lists.ts";
import {
  type Effect,
  jobsOnPage,
  type JobsView,
  type Model,
  type View,
  panes,
  viewOf,
  type Step,
} from "./model.ts";
import { withList } from "./prompt.ts";

const just = (model: Model, ...effects: Effect[]): Step => ({ model, effects });

/** The refresh intervals to choose from, in milliseconds. */
const intervals = [500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

/** Carries out a command. */
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
      return just({ ...model, views: [{ kind: "overview" }], pane: command });
    case "metrics":
      return just({ ...model, views: [{ kind: "metrics" }] }, { kind: "refresh" });
    case "pause":
    case "resume":
    case "cancel":
    case "retry":
    case "raise":
    case "lower":
    case "drain":
      return ask(model, command);
    default:
      return showOrLeave(model, command);
  }
}

type OtherCommand = Exclude<
  Command,
  | ("up" | "down" | "pageUp" | "pageDown" | "first" | "last" | "open" | "back")
  | ("nextPane" | "previousPane" | "postings" | "pools" | "failures" | "metrics")
  | ChangeCommand
>;

function showOrLeave(model: Model, command: OtherCommand): Step {
  const isList = viewOf(model).kind === "overview";
  const list = model.lists[model.pane];
  if (!isList && isForLists(command)) return just(withMessage(model, listsOnly(model, command)));
  switch (command) {
    case "filter": {
      const { filter } = list;
      return just({ ...model, prompt: { kind: "filter", text: filter, before: filter } });
    }
    case "sort": {
      const sortedBy = (list.sortedBy + 1) % ordersOf(model, model.pane);
      return just(withList(model, { sortedBy }));
    }
    case "reverse":
      return just(withList(model, { isReversed: !list.isReversed }));
    case "mark":
    case "markAll":
    case "unmark":
      return just(mark(model, command));
    case "freeze":
      return just({ ...model, isFrozen: !model.isFrozen }, ...(model.isFrozen ? refresh : []));
    case "refresh":
      return just(model, ...refresh);
    case "faster":
      return just({
        ...model,
        everyMs: intervals.findLast((ms) => ms < model.everyMs) ?? model.everyMs,
      });
    case "slower":
      return just({
        ...model,
        everyMs: intervals.find((ms) => ms > model.everyMs) ?? model.everyMs,
      });
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

const listCommands = ["filter", "sort", "reverse", "mark", "markAll", "unmark"] as const;
type ListCommand = (typeof listCommands)[number];

const isForLists = (command: Command): command is ListCommand =>
  (listCommands as readonly Command[]).includes(command);

const withMessage = (model: Model, text: string): Model => ({
  ...model,
  outcome: { text, tone: "dim" },
});

/** Why a key does nothing here, and which one might help. */
function listsOnly(model: Model, command: ListCommand): string {
  const key = bindings.find((each) => each.command === command)?.keys[0] ?? "";
  const hint = viewOf(model).kind === "jobs" ? " Here F shows failed jobs only." : "";
  return `${keyName(key)} works in the lists of postings, pools and failures.${hint}`;
}

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

/** Replaces the view on top. */
const withView = (model: Model, view: View): Model => ({
  ...model,
  views: [...model.views.slice(0, -1), view],
});

function change(model: Model, command: "onlyFailed" | "follow"): Step {
  const view = viewOf(model);
  if (command === "follow" && view.kind === "job") {
    return just(withView(model, { ...view, isFollowed: !view.isFollowed }));
  }
  if (command !== "onlyFailed" || view.kind !== "jobs" || view.fingerprint !== null) {
    return just(model);
  }
  const status = view.status === "failed" ? null : "failed";
  const next = { ...view, status, from: 0, before: [], row: 0 } as const;
  return just({ ...withView(model, next), page: null }, ...refresh);
}

/** The rows of a page: the screen without header and footer. */
const pageOf = ({ size }: Model) => Math.max(1, size.rows - 10);

export function move(model: Model, by: number): Step {
  const view = viewOf(model);
  switch (view.kind) {
    case "overview": {
      const keys = shownKeys(model, model.pane);
      const now = chosenRow(model.lists[model.pane], keys);
      const row = Math.max(0, Math.min(keys.length - 1, now + by));
      return just(withList(model, { row, chosen: keys[row] ?? null }));
    }
    case "jobs":
      return moveInJobs(model, view, by);
    case "pool": {
      const top = Math.max(0, Math.min(1e6, view.top + by));
      return just(withView(model, { ...view, top }));
    }
    case "job": {
      const top = Math.max(0, Math.min(1e6, view.top + by));
      return just(withView(model, { ...view, top, isFollowed: by >= 1e9 }));
    }
    case "metrics":
      return just(model);
  }
}

/** Moving beyond the end of a page reads the next one: by index, never by an offset. */
function moveInJobs(model: Model, view: JobsView, by: number): Step {
  if (model.page === null) return just(model); // its rows are on their way
  const { next, rows: shown } = model.page;
  const [rows, row] = [shown.length, view.row + by];
  // Indices have no gaps, so that a page of all jobs may begin anywhere.
  const isWhole = view.status === null;
  const total = model.snapshot?.postings.find(({ id }) => id === view.postingId)?.jobCount ?? 0;
  const earlier = isWhole && view.from > 0 ? Math.max(0, view.from - jobsOnPage(model)) : undefined;
  const previous = view.before.at(-1) ?? earlier;
  if (row >= rows && next !== null && Math.abs(by) < 1e9) {
    const before = [...view.before, view.from];
    return just(
      { ...withView(model, { ...view, from: next, before, row: 0 }), page: null },
      ...refresh,
    );
  }
  if (row < 0 && previous !== undefined && Math.abs(by) < 1e9) {
    const before = view.before.slice(0, -1);
    const to = { ...view, from: previous, before, row: 1e6 };
    return just({ ...withView(model, to), page: null }, ...refresh);
  }
  if (by === 1e9 && isWhole && next !== null) {
    const from = Math.max(0, total - jobsOnPage(model));
    const to = { ...view, from, before: [], row: 1e6 };
    return just({ ...withView(model, to), page: null }, ...refresh);
  }
  if (by === -1e9 && view.from > 0) {
    return just(
      { ...withView(model, { ...view, from: 0, before: [], row: 0 }), page: null },
      ...refresh,
    );
  }
  return just(withView(model, { ...view, row: Math.max(0, Math.min(rows - 1, row)) }));
}

export function open(model: Model): Step {
  const view = viewOf(model);
  if (view.kind === "jobs") {
    const job = model.page?.rows[view.row];
    if (!job) return just(model);
    const { postingId } = view;
    const to = { kind: "job", postingId, index: job.index, top: 0, isFollowed: false } as const;
    return just({ ...model, job: null, views: [...model.views, to] }, ...refresh);
  }
  if (view.kind !== "overview") return just(model);
  const jobs = { kind: "jobs", from: 0, before: [], row: 0 } as const;
  const keys = shownKeys(model, model.pane);
  const row = chosenRow(model.lists[model.pane], keys);
  if (model.pane === "postings") {
    const posting = shownPostings(model)[row];
    if (!posting) return just(model);
    const title = `posting ${posting.id}  ${posting.name ?? posting.entryPoint}`;
    const to = { ...jobs, postingId: posting.id, title, status: null, fingerprint: null };
    return just({ ...model, page: null, views: [...model.views, to] }, ...refresh);
  }
  if (model.pane === "failures") {
    const group = shownFailures(model).find((each) => keyOfFailure(each) === keys[row]);
    if (!group) return just(model);
    const { postingId, fingerprint, message } = group;
    const title = `posting ${postingId}  ${message}`;
    const to = { ...jobs, postingId, title, status: "failed", fingerprint } as const;
    return just({ ...model, page: null, views: [...model.views, to] }, ...refresh);
  }
  const pool = shownPools(model)[row];
  if (!pool) return just(model);
  const to = { kind: "pool", poolId: pool.id, top: 0 } as const;
  return just({ ...model, poolDetails: null, views: [...model.views, to] }, ...refresh);
}

function back(model: Model): Step {
  if (model.views.length > 1) {
    const next = { ...model, views: model.views.slice(0, -1), job: null };
    return just(next, ...refresh);
  }
  if (viewOf(model).kind === "metrics") return just({ ...model, views: [{ kind: "overview" }] });
  const list = model.lists[model.pane];
  if (list.filter !== "") return just(withList(model, { filter: "" }));
  return just(list.marked.size > 0 ? withList(model, { marked: new Set() }) : model);
}

function toPane(model: Model, by: number): Step {
  if (viewOf(model).kind !== "overview") return just(model);
  const at = (panes.indexOf(model.pane) + by + panes.length) % panes.length;
  return just({ ...model, pane: panes[at] ?? "postings" });
}
