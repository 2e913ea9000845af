import type { PoolDetails } from "../../src/db/dashboard/pool-details.ts";
import type { ScheduleOverview } from "../../src/db/read/schedules.ts";
import type { Sample } from "../draw/pace.ts";
import type { Size } from "../draw/frame.ts";
import type { JobsPage, Metrics, Snapshot, TopJob } from "../../src/db/dashboard/top-snapshot.ts";
import type { Action } from "./source.ts";

export type Pane = "postings" | "pools" | "failures";
export const panes = ["postings", "pools", "failures"] as const satisfies readonly Pane[];

/** The content of the screen. Views are stacked: Esc leads back to the one below. */
export type View =
  | { kind: "overview" }
  | { kind: "metrics" }
  | { kind: "schedules"; top: number }
  | JobsView
  | { kind: "job"; postingId: number; index: number; top: number; isFollowed: boolean }
  | { kind: "pool"; poolId: number; top: number };

export interface JobsView {
  kind: "jobs";
  postingId: number;
  title: string;
  status: TopJob["status"] | null;
  fingerprint: string | null;
  /** As typed after `/`, and the order: as of a list. */
  words: string;
  sortedBy: number;
  isReversed: boolean;
  /** The first index of the page, and of the pages before it. */
  from: number;
  before: readonly number[];
  /** Which row of the page is chosen. */
  row: number;
}

/** The chosen row, the order and the marks of a list. Rows come and go, so they are kept by key. */
export interface ListState {
  chosen: string | null;
  /** The position of the chosen row, used once the row is gone. */
  row: number;
  marked: ReadonlySet<string>;
  filter: string;
  sortedBy: number;
  isReversed: boolean;
}

export type Prompt =
  | { kind: "filter"; text: string; before: string }
  | { kind: "confirm"; action: Action; question: string }
  | { kind: "help"; top: number };

/** A message in the last line: the result of an action. */
export interface ActionResult {
  text: string;
  tone: "good" | "bad" | "dim";
}

export interface Model {
  size: Size;
  /** A clock that only goes forward, in milliseconds. */
  nowMs: number;
  snapshot: Snapshot | null;
  /** When the snapshot came, by that clock, and how long the server took. */
  takenAtMs: number;
  tookMs: number;
  fault: { message: string; sinceMs: number } | null;
  isFrozen: boolean;
  /** The reason why changes are refused even if the server allows them; null if they are not. */
  startedReadOnly: string | null;
  everyMs: number;
  views: readonly View[];
  pane: Pane;
  lists: Readonly<Record<Pane, ListState>>;
  page: JobsPage | null;
  job: TopJob | null;
  poolDetails: PoolDetails | null;
  metrics: Metrics | null;
  schedules: readonly ScheduleOverview[] | null;
  prompt: Prompt | null;
  outcome: ActionResult | null;
  /** Since when the outcome is shown: it goes away after a while. */
  outcomeSinceMs: number;
  /** An action is still on its way. */
  isActing: boolean;
  /** The flows whose stages are shown. */
  openFlows: ReadonlySet<number>;
  /** The number of ended jobs of each row of the list of postings, during the last minute. */
  samples: ReadonlyMap<string, readonly Sample[]>;
  /** Jobs per second between two snapshots, during the last minute. */
  rates: readonly { atMs: number; perSecond: number }[];
  /** The snapshot from which the next rate is measured. */
  ratedFrom: Snapshot | null;
}

export type Event =
  | { kind: "key"; key: string }
  | { kind: "paste"; text: string }
  | { kind: "mouse"; action: "click" | "wheelup" | "wheeldown"; x: number; y: number }
  | { kind: "resize"; size: Size }
  | { kind: "tick" }
  | { kind: "snapshot"; snapshot: Snapshot; tookMs: number }
  | { kind: "page"; view: JobsView; page: JobsPage }
  | { kind: "job"; postingId: number; index: number; job: TopJob | null }
  | { kind: "pool"; details: PoolDetails | null; poolId: number }
  | { kind: "metrics"; metrics: Metrics }
  | { kind: "schedules"; schedules: readonly ScheduleOverview[] }
  | { kind: "fault"; message: string }
  | { kind: "acted"; text: string; isGood: boolean };

/** The actions of the dashboard other than drawing. */
export type Effect =
  | { kind: "refresh" }
  | { kind: "act"; action: Action }
  | { kind: "copy"; text: string }
  | { kind: "save" }
  | { kind: "suspend" }
  | { kind: "redraw" }
  | { kind: "leave"; signal: "SIGINT" | null };

/** The model after an event, and the actions to take. */
export interface Step {
  model: Model;
  effects: readonly Effect[];
}

const list: ListState = {
  chosen: null,
  row: 0,
  marked: new Set(),
  filter: "",
  sortedBy: 0,
  isReversed: false,
};

export function startModel(options: {
  size: Size;
  nowMs: number;
  everyMs: number;
  startedReadOnly: string | null;
}): Model {
  return {
    ...options,
    snapshot: null,
    takenAtMs: options.nowMs,
    tookMs: 0,
    fault: null,
    isFrozen: false,
    views: [{ kind: "overview" }],
    pane: "postings",
    lists: { postings: list, pools: list, failures: list },
    page: null,
    job: null,
    poolDetails: null,
    metrics: null,
    schedules: null,
    prompt: null,
    outcome: null,
    outcomeSinceMs: options.nowMs,
    isActing: false,
    openFlows: new Set(),
    samples: new Map(),
    rates: [],
    ratedFrom: null,
  };
}

/** Why changes are refused now; null if they are not. */
export const readOnlyOf = ({ startedReadOnly, snapshot }: Model): string | null =>
  startedReadOnly ?? snapshot?.readOnly ?? null;

export const viewOf = ({ views }: Model): View => views.at(-1) ?? { kind: "overview" };

/** Whether a view of jobs searches or sorts, so that its pages are not consecutive jobs. */
export const isSearch = ({ words, sortedBy, isReversed }: JobsView): boolean =>
  words !== "" || sortedBy > 0 || isReversed;

/** The number of jobs on one page. */
export const jobsOnPage = ({ size }: Model): number => Math.max(20, Math.min(200, size.rows));

/** The time from one refresh to the next: longer if the server is slow. */
export const refreshMs = ({ everyMs, tookMs, fault, nowMs }: Model): number => {
  if (fault) return Math.min(10_000, Math.max(1_000, (nowMs - fault.sinceMs) / 4));
  return Math.max(everyMs, Math.min(60_000, 10 * tookMs));
};
