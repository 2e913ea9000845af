import * as v from "valibot";

import type { JobError } from "../../domain/attempt.ts";
import type { Counts, Needs, Provides } from "../../domain/capabilities.ts";
import { type AnyEdgeKind, allEdgeKinds } from "../../domain/edge-text.ts";
import {
  type EdgeState,
  type JobStatus,
  jobStatuses,
  poolRowStates,
  postingStates,
} from "../../domain/states.ts";
import type { ResourceUse } from "../../domain/resource-use.ts";
import type { Histogram } from "./histogram.ts";

// The data of the dashboard. Times are the database's.

const count = v.number();
export const moment = v.pipe(
  v.string(),
  v.transform((text) => new Date(text)),
);
const maybe = v.nullable;

const Posting = v.object({
  id: count,
  name: maybe(v.string()),
  entryPoint: v.string(),
  /** The command line that its jobs run; null for functions. */
  command: maybe(v.string()),
  jobCount: count,
  state: v.picklist(postingStates),
  reason: maybe(v.string()),
  poster: v.string(),
  /** The project whose pools run it; null for all pools. */
  project: maybe(v.string()),
  /** The highest priority of its waiting jobs; null if no job waits for its first attempt. */
  priority: maybe(count),
  postedAt: moment,
  /** When its jobs may start; null if they may start now. */
  runAt: maybe(moment),
  needs: v.custom<Needs>((value) => Array.isArray(value)),
  endedAt: maybe(moment),
  /** The flow that it is a stage of; null for none. Its name is null if the role cannot read it. */
  flow: maybe(v.object({ id: count, name: maybe(v.string()), stage: v.string() })),
  /** Whether an edge of it is not met. */
  waits: v.boolean(),
  jobs: v.object(v.entriesFromList(jobStatuses, count)),
});

/** An edge of a shown posting, or of one above it that waits. */
const Edge = v.object({
  postingId: count,
  upstreamId: count,
  kind: v.picklist(allEdgeKinds),
  isMet: v.boolean(),
  /** Its posting was cancelled before it was met. */
  hasLapsed: v.boolean(),
  /** Whether its posting stays blocked, if it is. */
  isHeld: v.boolean(),
  /** Jobs of an element-wise edge that were never released. */
  skipped: count,
  /** Why it cannot be met as its upstream is now; null if it can be. */
  cause: maybe(v.string()),
  /** Whether the upstream has ended; false without a cause. */
  hasEnded: v.boolean(),
});
export type EdgeOfQueue = v.InferOutput<typeof Edge>;

const Pool = v.object({
  id: count,
  host: v.string(),
  pid: count,
  state: v.picklist(poolRowStates),
  slots: count,
  /** Workers that ran a job at the last heartbeat; null before the first report. */
  busy: maybe(count),
  recent: maybe(v.array(count)),
  beatAgoMs: count,
  /** Its heartbeat timeout has passed: other pools may rescue its jobs. */
  isStale: v.boolean(),
  /** Outcomes that were refused because they came too late. */
  refused: count,
  /** The project whose postings it runs, besides postings without one; null for any. */
  project: maybe(v.string()),
  provides: v.custom<Provides>((value) => typeof value === "object" && value !== null),
  /** The amounts of its resources that no job had at the last heartbeat. */
  free: maybe(v.custom<Counts>((value) => typeof value === "object" && value !== null)),
  /** The only postings that it runs, each as 42 or @night; null for all. */
  postings: maybe(v.array(v.string())),
  holds: v.array(v.object({ posting: count, name: v.string(), jobs: count })),
});
export type PoolOfQueue = v.InferOutput<typeof Pool>;

/** Similar failures of a posting. */
const Failure = v.object({
  postingId: count,
  fingerprint: v.string(),
  count,
  firstAt: moment,
  lastAt: moment,
  /** One of the newest failed jobs. */
  job: v.string(),
  message: v.string(),
});
export type TopFailure = v.InferOutput<typeof Failure>;

/** The queue at one moment, as the database returns it. */
export const QueueState = v.object({
  at: moment,
  /** Why changes are refused; null if they are allowed. */
  readOnly: maybe(v.string()),
  /** Active postings, then the newest open ones, then the newest ended ones. */
  postings: v.array(Posting),
  edges: v.array(Edge),
  open: count,
  /** Totals of all postings that have not ended. */
  jobs: v.object(v.entriesFromList(jobStatuses, count)),
  /** How long the oldest open posting has waited. */
  oldestWaitingMs: maybe(count),
  pools: v.array(Pool),
  failures: v.array(Failure),
});
type QueueState = v.InferOutput<typeof QueueState>;

/** The queue at one moment, as the dashboard shows it. */
export interface Snapshot extends Pick<QueueState, "at" | "readOnly" | "jobs" | "oldestWaitingMs"> {
  /** The database and its server, for people. */
  database: string;
  postings: readonly TopPosting[];
  /** The number of postings that have not ended and are not in the list. */
  morePostings: number;
  /** Attempts that ended in each of up to 60 seconds, as pools reported; the oldest first. */
  endedBySecond: readonly number[];
  pools: readonly TopPool[];
  failures: readonly TopFailure[];
}

/** A posting that another one waits for, or has waited for. */
export interface TopEdge {
  posting: number;
  kind: AnyEdgeKind;
  state: EdgeState;
  /** Why it is blocked. */
  cause: string | null;
}

export interface TopPosting extends Omit<v.InferOutput<typeof Posting>, "needs"> {
  waitsFor: TopEdge[];
  /** Whether it waits, and something must be repaired before it can run. */
  isBlocked: boolean;
  /** Whether it waits for failures only, and there were none. */
  isSkipped: boolean;
  /** Of its cancelled jobs, those whose jobs of the upstream were not done. */
  skippedJobs: number;
  /** Why no pool can run its jobs: their project or needs, as a sentence; null if one can. */
  missing: string | null;
}

export interface TopPool extends Omit<
  PoolOfQueue,
  "recent" | "provides" | "free" | "postings" | "holds"
> {
  resources: ResourceUse[];
  /** The jobs it holds, for people. */
  work: string;
}

export interface TopJob {
  index: number;
  status: JobStatus;
  attempts: number;
  /** Reported progress of a running job, from 0 to 1, with a note. */
  progress?: number | null;
  note?: string | null;
  host: string | null;
  poolId: number | null;
  durationMs: number | null;
  /** How long a running job has run; null if it has just started. */
  elapsedMs?: number | null;
  endedAt: Date | null;
  /** The resources that its newest attempt used; null if they were not measured. */
  cpuUserMs?: number | null;
  cpuSystemMs?: number | null;
  peakBytes?: number | null;
  readBytes?: number | null;
  writtenBytes?: number | null;
  error: JobError | null;
  /** As JSON text. */
  args: string;
  /** The return value of a done job as JSON text, or its beginning, and the length of all of it. */
  result?: { text: string; length: number } | null;
  stdout: string | null;
  stderr: string | null;
}

/**
 * Selects jobs of a posting: all, the jobs with a status, or the jobs of a group of failures; of
 * these, the ones that match the typed words.
 */
export interface JobsFilter {
  postingId: number;
  /** The first index to read. */
  from: number;
  size: number;
  status: JobStatus | null;
  fingerprint: string | null;
  /** The filter as it was typed; empty for none. */
  words: string;
  /** The number of the column to sort by, from 1; 0 for the index. */
  sortedBy: number;
  isReversed: boolean;
}

export interface JobsPage {
  rows: readonly TopJob[];
  /** The first index of the next page; null after the last. */
  next: number | null;
  /** The index after the last job that was read for the page. */
  end: number;
}

/** The metrics screen. */
export interface Metrics {
  /** Jobs that ended in each minute of the last hour, the oldest first. */
  endedByMinute: readonly number[];
  failedByMinute: readonly number[];
  /** Time from posting to the first start, of a sample; durations of attempts. */
  latency: Histogram;
  duration: Histogram;
  /** The size of the latency sample. */
  sampled: number;
  /** Waiting, running and retrying jobs. */
  depth: number;
  retrying: number;
  /** Refused outcomes of the last day. */
  refused: number;
  tables: readonly { name: string; bytes: number; rows: number }[];
}
