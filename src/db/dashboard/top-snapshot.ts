import type { JobError } from "../../domain/attempt.ts";
import type { Histogram } from "./histogram.ts";
import type { JobCounts, PostingState } from "../../domain/posting.ts";

// The data of the dashboard. Times are the database's.

/** The queue at one moment. */
export interface Snapshot {
  at: Date;
  /** The database and its server, for people. */
  database: string;
  /** Why changes are refused; null if they are allowed. */
  readOnly: string | null;
  /** Active postings, then the newest open ones, then the newest ended ones. */
  postings: readonly TopPosting[];
  /** The number of postings that have not ended and are not in the list. */
  morePostings: number;
  /** Totals of all postings that have not ended. */
  jobs: JobCounts;
  /** How long the oldest open posting has waited. */
  oldestWaitingMs: number | null;
  /** Attempts that ended in each of up to 60 seconds, as pools reported; the oldest first. */
  endedBySecond: readonly number[];
  pools: readonly TopPool[];
  failures: readonly TopFailure[];
}

export interface TopPosting {
  id: number;
  name: string | null;
  entryPoint: string;
  jobCount: number;
  state: PostingState;
  reason: string | null;
  poster: string;
  /** The project whose pools run it; null for all pools. */
  project: string | null;
  /** The highest priority of its waiting jobs; null if no job waits for its first attempt. */
  priority: number | null;
  postedAt: Date;
  /** When its jobs may start; null if they may start now. */
  runAt: Date | null;
  /** What its jobs need and no pool provides, as a sentence; null if a pool can run them. */
  missing: string | null;
  endedAt: Date | null;
  jobs: JobCounts;
}

export interface TopPool {
  id: number;
  host: string;
  pid: number;
  state: "up" | "draining" | "stopped" | "lost";
  slots: number;
  /** Workers that ran a job at the last heartbeat; null before the first report. */
  busy: number | null;
  /** The jobs it holds, for people. */
  work: string;
  beatAgoMs: number;
  /** Its heartbeat timeout has passed: other pools may rescue its jobs. */
  isStale: boolean;
  /** Outcomes that were refused because they came too late. */
  refused: number;
  /** The project whose postings it runs, besides postings without one; null for any. */
  project: string | null;
}

/** Similar failures of a posting. */
export interface TopFailure {
  postingId: number;
  fingerprint: string;
  count: number;
  firstAt: Date;
  lastAt: Date;
  /** One of the newest failed jobs. */
  job: string;
  message: string;
}

export interface TopJob {
  index: number;
  status: keyof JobCounts;
  attempts: number;
  /** Reported progress of a running job, from 0 to 1, with a note. */
  progress?: number | null;
  note?: string | null;
  host: string | null;
  poolId: number | null;
  durationMs: number | null;
  endedAt: Date | null;
  error: JobError | null;
  /** As JSON text. */
  args: string;
  /** The return value of a done job as JSON text, or its beginning, and the length of all of it. */
  result?: { text: string; length: number } | null;
  stdout: string | null;
  stderr: string | null;
}

/** The process of a pool, and the jobs it runs. */
export interface PoolDetails {
  id: number;
  host: string;
  pid: number;
  state: TopPool["state"];
  version: string;
  role: string;
  osUser: string;
  slots: number;
  /** As `--provides` takes it; empty for nothing. */
  provides: string;
  project: string | null;
  startedAt: Date;
  refused: number;
  /** Jobs that had been running for a while at the last heartbeat. */
  running: readonly {
    postingId: number;
    index: number;
    attempt: number;
    entryPoint: string;
    /** From 0 to 1; null if the job reports no progress. */
    progress: number | null;
    note: string | null;
  }[];
}

/** Selects jobs of a posting: all, those with a status, or those of a group of failures. */
export interface JobsFilter {
  postingId: number;
  /** The first index to read. */
  from: number;
  size: number;
  status: keyof JobCounts | null;
  fingerprint: string | null;
}

export interface JobsPage {
  rows: readonly TopJob[];
  /** The first index of the next page; null after the last. */
  next: number | null;
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
