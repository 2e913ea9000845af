import type { Sample } from "../../src/domain/pace.ts";
import type { Size } from "../draw/frame.ts";
import type { JobsPage, Numbers, Snapshot, TopJob } from "../../src/db/dashboard/top-snapshot.ts";
import type { Action } from "./source.ts";

export type Pane = "postings" | "pools" | "failures";
export const panes = ["postings", "pools", "failures"] as const satisfies readonly Pane[];

/** Where one is: a place on top of others, back to which Esc leads. */
export type Place =
  | { kind: "overview" }
  | { kind: "numbers" }
  | JobsPlace
  | { kind: "job"; postingId: number; index: number; top: number; isFollowed: boolean };

export interface JobsPlace {
  kind: "jobs";
  postingId: number;
  title: string;
  status: TopJob["status"] | null;
  fingerprint: string | null;
  /** Where the page begins, and those before it did. */
  from: number;
  before: readonly number[];
  /** Which row of the page is chosen. */
  row: number;
}

/** What is chosen, sorted and marked in a list. Rows are told by their key: they come and go. */
export interface ListState {
  chosen: string | null;
  /** Which row the chosen one was, for when it is gone. */
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

export interface Outcome {
  text: string;
  tone: "good" | "bad" | "dim";
}

export interface Model {
  size: Size;
  /** A clock that only goes forward, in milliseconds. */
  nowMs: number;
  snapshot: Snapshot | null;
  /** When it came, by that clock, and how long the server took. */
  takenAtMs: number;
  tookMs: number;
  fault: { message: string; sinceMs: number } | null;
  isFrozen: boolean;
  /** Why nothing may be changed, whatever the server allows; null where it may. */
  startedReadOnly: string | null;
  everyMs: number;
  places: readonly Place[];
  pane: Pane;
  lists: Readonly<Record<Pane, ListState>>;
  page: JobsPage | null;
  job: TopJob | null;
  numbers: Numbers | null;
  prompt: Prompt | null;
  outcome: Outcome | null;
  /** Something that was asked for is still being done. */
  isActing: boolean;
  /** How many jobs of each posting had ended, lately. */
  samples: ReadonlyMap<number, readonly Sample[]>;
  /** Jobs that ended between two snapshots, in a second: the last minute. */
  rates: readonly { atMs: number; perSecond: number }[];
  /** From which on the next of them is measured. */
  ratedFrom: Snapshot | null;
}

export type Event =
  | { kind: "key"; key: string }
  | { kind: "paste"; text: string }
  | { kind: "mouse"; action: "click" | "wheelup" | "wheeldown"; x: number; y: number }
  | { kind: "resize"; size: Size }
  | { kind: "tick" }
  | { kind: "snapshot"; snapshot: Snapshot; tookMs: number }
  | { kind: "page"; place: JobsPlace; page: JobsPage }
  | { kind: "job"; postingId: number; index: number; job: TopJob | null }
  | { kind: "numbers"; numbers: Numbers }
  | { kind: "fault"; message: string }
  | { kind: "acted"; text: string; isGood: boolean };

/** What the model asks of the world. */
export type Effect =
  | { kind: "refresh" }
  | { kind: "act"; action: Action }
  | { kind: "copy"; text: string }
  | { kind: "save" }
  | { kind: "suspend" }
  | { kind: "redraw" }
  | { kind: "leave"; signal: "SIGINT" | null };

/** What an event or a key leads to. */
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
    places: [{ kind: "overview" }],
    pane: "postings",
    lists: { postings: list, pools: list, failures: list },
    page: null,
    job: null,
    numbers: null,
    prompt: null,
    outcome: null,
    isActing: false,
    samples: new Map(),
    rates: [],
    ratedFrom: null,
  };
}

/** Why nothing may be changed now; null where it may. */
export const readOnlyOf = ({ startedReadOnly, snapshot }: Model): string | null =>
  startedReadOnly ?? snapshot?.readOnly ?? null;

export const placeOf = ({ places }: Model): Place => places.at(-1) ?? { kind: "overview" };

/** How many jobs are read at once. */
export const jobsOnPage = ({ size }: Model): number => Math.max(20, Math.min(200, size.rows));

/** How long after a refresh the next one begins: more where the server is slow. */
export const refreshMs = ({ everyMs, tookMs, fault, nowMs }: Model): number => {
  if (fault) return Math.min(10_000, Math.max(1_000, (nowMs - fault.sinceMs) / 4));
  return Math.max(everyMs, Math.min(60_000, 10 * tookMs));
};
