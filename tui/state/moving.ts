import {
  chosenRow,
  keyOfFailure,
  shownFailures,
  shownKeys,
  shownPools,
  shownPostings,
} from "./lists.ts";
import {
  type Effect,
  isSearch,
  jobsOnPage,
  type JobsView,
  type Model,
  panes,
  type Step,
  type View,
  viewOf,
} from "./model.ts";
import type { TopPosting } from "../../src/db/dashboard/top-snapshot.ts";
import { keyOfRow } from "./flow-rows.ts";
import { withList } from "./with-list.ts";

export const just = (model: Model, ...effects: Effect[]): Step => ({ model, effects });

export const refresh: readonly Effect[] = [{ kind: "refresh" }];

/** Replaces the view on top. */
export const withView = (model: Model, view: View): Model => ({
  ...model,
  views: [...model.views.slice(0, -1), view],
});

/** The rows of a page: the screen without header and footer. */
export const pageOf = ({ size }: Model) => Math.max(1, size.rows - 10);

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
    case "schedules":
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
  const isWhole = view.status === null && !isSearch(view);
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

/** Shows other jobs of the posting, or in another order, from the first one on. */
export function withJobs(model: Model, view: JobsView, change: Partial<JobsView>): Step {
  const next = { ...view, ...change, from: 0, before: [], row: 0 };
  return just({ ...withView(model, next), page: null }, ...refresh);
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
  const order = { words: "", sortedBy: 0, isReversed: false };
  const jobs = { kind: "jobs", ...order, from: 0, before: [], row: 0 } as const;
  const keys = shownKeys(model, model.pane);
  const row = chosenRow(model.lists[model.pane], keys);
  if (model.pane === "postings") {
    const chosen = shownPostings(model)[row];
    if (!chosen) return just(model);
    const { posting } = chosen;
    if (chosen.kind === "flow") return openFlow(model, posting.id);
    const title = `posting ${posting.id}  ${titleOf(posting)}`;
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

/** `night stars`: flow and stage; else the name, entry point or command. */
const titleOf = ({ flow, name, command, entryPoint }: TopPosting): string =>
  flow ? `${flow.name ?? `flow ${flow.id}`} ${flow.stage}` : (name ?? command ?? entryPoint);

/** Opens a flow into its stages; from one that is open, goes on to its first stage. */
function openFlow(model: Model, id: number): Step {
  if (model.openFlows.has(id)) return move(model, 1);
  return just({ ...model, openFlows: new Set(model.openFlows).add(id) });
}

/** Folds the open flow of the chosen row, and chooses it; null if there is none. */
export function fold(model: Model): Model | null {
  if (viewOf(model).kind !== "overview" || model.pane !== "postings") return null;
  const rows = shownPostings(model);
  const at = chosenRow(model.lists.postings, rows.map(keyOfRow));
  const row = rows.findLastIndex(({ kind }, place) => place <= at && kind === "flow");
  const flow = rows[row];
  if (!flow?.isOpen || (row !== at && rows[at]?.kind !== "stage")) return null;
  const openFlows = new Set(model.openFlows);
  openFlows.delete(flow.posting.id);
  return withList({ ...model, openFlows }, { chosen: flow.key, row });
}

export function back(model: Model): Step {
  const view = viewOf(model);
  if (view.kind === "jobs" && view.words !== "") return withJobs(model, view, { words: "" });
  if (model.views.length > 1) {
    const next = { ...model, views: model.views.slice(0, -1), job: null };
    return just(next, ...refresh);
  }
  if (view.kind === "metrics" || view.kind === "schedules") {
    return just({ ...model, views: [{ kind: "overview" }] });
  }
  const folded = fold(model);
  if (folded) return just(folded);
  const list = model.lists[model.pane];
  if (list.filter !== "") return just(withList(model, { filter: "" }));
  return just(list.marked.size > 0 ? withList(model, { marked: new Set() }) : model);
}

export function toPane(model: Model, by: number): Step {
  if (viewOf(model).kind !== "overview") return just(model);
  const at = (panes.indexOf(model.pane) + by + panes.length) % panes.length;
  return just({ ...model, pane: panes[at] ?? "postings" });
}
