import { errorText } from "../../src/domain/error-causes.ts";
import {
  chosenRow,
  shownFailures,
  shownKeys,
  shownPools,
  shownPostings,
  keyOfFailure,
  keyOfPool,
} from "./lists.ts";
import type { ChangeCommand } from "./keys.ts";
import { type Model, viewOf, readOnlyOf } from "./model.ts";
import type { TopFailure, TopPool, TopPosting } from "../../src/db/dashboard/top-snapshot.ts";
import { flowOfKey, keyOfRow, type ListRow, postingsOfRow } from "./flow-rows.ts";
import type { Action } from "./source.ts";
import { plural } from "../draw/words.ts";

/** The action of a command with the question to confirm it, or why it is refused. */
export type Intent = { action: Action; question: string } | { refusal: string };

const refuse = (refusal: string): Intent => ({ refusal });

/** The intent of a command for the marked rows, or else for the chosen one. */
export function intentOf(model: Model, command: ChangeCommand): Intent {
  const readOnly = readOnlyOf(model);
  if (readOnly !== null) return refuse(`Read-only: ${readOnly}`);
  if (command === "drain") return drainIntent(targetPools(model));
  const groups = targetFailures(model);
  if (groups.length > 0) {
    return command === "retry"
      ? groupsIntent(groups)
      : refuse("A group of failures can only be retried. Press r.");
  }
  const postings = targetPostings(model);
  if (postings.length === 0) return refuse(`There is no posting to ${command} here`);
  return postingsIntent(command, postings, targetFlow(model));
}

function postingsIntent(
  command: Exclude<ChangeCommand, "drain">,
  all: readonly TopPosting[],
  flow: string | null,
): Intent {
  const fit = all.filter((posting) => isFor[command](posting));
  const ids = fit.map(({ id }) => id);
  const what = namesOf(fit, flow);
  if (fit.length === 0) return refuse(`${namesOf(all, flow)}: nothing to ${command}`);
  const sum = (pick: (posting: TopPosting) => number) =>
    fit.reduce((total, posting) => total + pick(posting), 0);
  const left = sum(({ jobs }) => jobs.waiting + jobs.running + jobs.retrying);
  const withLeft = `with ${plural(left, "job")} that ${left === 1 ? "has" : "have"} not ended`;
  switch (command) {
    case "pause":
    case "resume":
      return {
        action: { kind: command, ids },
        question: `${capital(command)} ${what} ${withLeft}?`,
      };
    case "cancel":
      return {
        action: { kind: "cancel", ids },
        question: `Cancel ${what} for good, ${withLeft}?`,
      };
    case "raise":
    case "lower":
      return priorityIntent(fit, command === "raise" ? 1 : -1, what);
    case "retry": {
      const failed = sum(({ jobs }) => jobs.failed);
      return {
        action: { kind: "retry", ids },
        question: `Retry ${plural(failed, "failed job")} of ${what}?`,
      };
    }
  }
}

/** Only waiting jobs have a priority that can be changed. */
function hasWaiting({ endedAt, priority }: TopPosting): boolean {
  return endedAt === null && priority !== null;
}

/** Whether a command changes a posting. */
const isFor: Record<Exclude<ChangeCommand, "drain">, (posting: TopPosting) => boolean> = {
  pause: ({ state, endedAt }) => state === "open" && endedAt === null,
  resume: ({ state, endedAt }) =>
    (state === "paused" || state === "errored_out") && endedAt === null,
  cancel: ({ state, endedAt }) => state !== "cancelled" && endedAt === null,
  raise: hasWaiting,
  lower: hasWaiting,
  retry: ({ state, jobs }) => jobs.failed > 0 && state !== "cancelled",
};

function priorityIntent(postings: readonly TopPosting[], by: 1 | -1, what: string): Intent {
  const most = 2 ** 31 - 1;
  const changes = postings.map(({ id, priority }) => ({
    id,
    priority: Math.max(-most - 1, Math.min(most, (priority ?? 0) + by)),
  }));
  const [one] = changes;
  const to = changes.length === 1 && one ? `to ${one.priority}` : `by ${Math.abs(by)}`;
  const word = by > 0 ? "Raise" : "Lower";
  return {
    action: { kind: "priority", changes },
    question: `${word} the priority of the waiting jobs of ${what} ${to}?`,
  };
}

function groupsIntent(groups: readonly TopFailure[]): Intent {
  const jobs = groups.reduce((sum, group) => sum + group.count, 0);
  const where = [...new Set(groups.map(({ postingId }) => postingId))];
  const of = where.length === 1 ? `posting ${where[0]}` : plural(where.length, "posting");
  return {
    action: {
      kind: "retryGroup",
      groups: groups.map(({ postingId, fingerprint }) => ({ postingId, fingerprint })),
    },
    question: `Retry ${plural(jobs, "failed job")} of ${of} in ${plural(groups.length, "group")}?`,
  };
}

function drainIntent(pools: readonly TopPool[]): Intent {
  const fit = pools.filter(({ state }) => state === "up");
  if (fit.length === 0) return refuse("There is no pool to drain here. Choose a pool that is up.");
  const slots = fit.reduce((sum, pool) => sum + pool.slots, 0);
  const [one] = fit;
  const what =
    fit.length === 1 && one ? `pool ${one.id} on ${one.host}` : plural(fit.length, "pool");
  return {
    action: { kind: "drain", ids: fit.map(({ id }) => id) },
    question: `Drain ${what} with ${plural(slots, "worker")}?`,
  };
}

const capital = (word: string) => `${word[0]?.toUpperCase()}${word.slice(1)}`;

/** `posting 42 (night)`, `3 postings`, `2 stages of flow 7 (night)`. */
function namesOf(postings: readonly TopPosting[], flow: string | null): string {
  if (flow !== null) return `${plural(postings.length, "stage")} of ${flow}`;
  const [one] = postings;
  if (postings.length !== 1 || !one) return plural(postings.length, "posting");
  return `posting ${one.id}${one.name === null ? "" : ` (${one.name})`}`;
}

/** The marked rows that are shown, or else the chosen row. */
function targets<Row>(model: Model, pane: Model["pane"], rows: Row[], keyOf: (row: Row) => string) {
  const list = model.lists[pane];
  const marked = rows.filter((row) => list.marked.has(keyOf(row)));
  if (marked.length > 0) return marked;
  return rows.slice(chosenRow(list, rows.map(keyOf))).slice(0, 1);
}

const targetRows = (model: Model): ListRow[] =>
  targets(model, "postings", shownPostings(model), keyOfRow);

/** The flow that a command is for, as people name it; null if it is not for one flow as a whole. */
function targetFlow(model: Model): string | null {
  if (viewOf(model).kind !== "overview") return null;
  const [row, ...others] = targetRows(model);
  if (row?.kind !== "flow" || others.length > 0) return null;
  const { id, name } = row.posting;
  return `flow ${id}${name === null ? "" : ` (${name})`}`;
}

/** The postings that a command is for: all stages of a flow. */
export function targetPostings(model: Model): TopPosting[] {
  const view = viewOf(model);
  if (view.kind === "overview") {
    if (model.pane !== "postings") return [];
    const all = targetRows(model).flatMap(postingsOfRow);
    return [...new Map(all.map((posting) => [posting.id, posting])).values()];
  }
  if (!("postingId" in view)) return [];
  return (model.snapshot?.postings ?? []).filter(({ id }) => id === view.postingId);
}

export function targetPools(model: Model): TopPool[] {
  if (viewOf(model).kind !== "overview" || model.pane !== "pools") return [];
  return targets(model, "pools", shownPools(model), keyOfPool);
}

export function targetFailures(model: Model): TopFailure[] {
  const view = viewOf(model);
  if (view.kind === "jobs" && view.fingerprint !== null) {
    return (model.snapshot?.failures ?? []).filter(
      (each) => each.postingId === view.postingId && each.fingerprint === view.fingerprint,
    );
  }
  if (view.kind !== "overview" || model.pane !== "failures") return [];
  return targets(model, "failures", shownFailures(model), keyOfFailure);
}

/** The text that `y` copies: the number of the chosen row, or the error of a failed job. */
export function copied(model: Model): string | null {
  const view = viewOf(model);
  if (view.kind === "job") {
    const error = model.job?.error;
    return error ? errorText(error) : `${view.postingId}/${view.index}`;
  }
  if (view.kind === "jobs") {
    const job = model.page?.rows[view.row];
    return job ? `${view.postingId}/${job.index}` : String(view.postingId);
  }
  if (view.kind === "metrics" || view.kind === "schedules") return null;
  if (view.kind === "pool") return String(view.poolId);
  const [failure] = targetFailures(model);
  if (failure) return failure.message;
  const keys = shownKeys(model, model.pane);
  const key = keys[chosenRow(model.lists[model.pane], keys)] ?? null;
  return key === null ? null : String(flowOfKey(key) ?? key);
}
