import { copied, intentOf } from "./actions.ts";
import { bindings, type ChangeCommand, type Command, keyName } from "./keys.ts";
import { chosenRow, ordersOf, shownKeys } from "./lists.ts";
import { jobOrders } from "./job-columns.ts";
import { type JobsView, type Model, type Step, viewOf } from "./model.ts";
import { back, just, move, open, pageOf, refresh, toPane, withJobs, withView } from "./moving.ts";
import { withList } from "./with-list.ts";

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
    case "schedules":
      return just({ ...model, views: [{ kind: "schedules", top: 0 }] }, { kind: "refresh" });
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
  | ("nextPane" | "previousPane" | "postings" | "pools" | "failures" | "metrics" | "schedules")
  | ChangeCommand
>;

function showOrLeave(model: Model, command: OtherCommand): Step {
  const view = viewOf(model);
  const isList = view.kind === "overview";
  const list = model.lists[model.pane];
  if (view.kind === "jobs" && isForJobs(command)) return obeyInJobs(model, view, command);
  if (!isList && isForLists(command)) return just(withMessage(model, listsOnly(command)));
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

const listActions = ["filter", "sort", "reverse", "mark", "markAll", "unmark"] as const;
type ListAction = (typeof listActions)[number];

const isForLists = (command: Command): command is ListAction =>
  (listActions as readonly Command[]).includes(command);

const isForJobs = (command: Command): command is "filter" | "sort" | "reverse" =>
  command === "filter" || command === "sort" || command === "reverse";

function obeyInJobs(model: Model, view: JobsView, command: "filter" | "sort" | "reverse"): Step {
  switch (command) {
    case "filter": {
      const { words } = view;
      return just({ ...model, prompt: { kind: "filter", text: words, before: words } });
    }
    case "sort":
      return withJobs(model, view, { sortedBy: (view.sortedBy + 1) % jobOrders });
    case "reverse":
      return withJobs(model, view, { isReversed: !view.isReversed });
  }
}

const withMessage = (model: Model, text: string): Model => ({
  ...model,
  outcome: { text, tone: "dim" },
});

/** Why a key does nothing here, and which one might help. */
function listsOnly(command: ListAction): string {
  const key = bindings.find((each) => each.command === command)?.keys[0] ?? "";
  const jobs = isForJobs(command) ? ", and of a posting's jobs" : "";
  return `${keyName(key)} works in the lists of postings, pools and failures${jobs}.`;
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

function change(model: Model, command: "onlyFailed" | "follow"): Step {
  const view = viewOf(model);
  if (command === "follow" && view.kind === "job") {
    return just(withView(model, { ...view, isFollowed: !view.isFollowed }));
  }
  if (command !== "onlyFailed" || view.kind !== "jobs" || view.fingerprint !== null) {
    return just(model);
  }
  const status = view.status === "failed" ? null : "failed";
  return withJobs(model, view, { status });
}
