import type { JobError } from "../../domain/attempt.ts";
import type { Histogram } from "./histogram.ts";
import type { JobCounts, PostingState } from "../../domain/posting.ts";

// What the dashboard shows. Moments are the database's.

/** The queue at one moment. */
export interface Snapshot {
  at: Date;
  /** Which database, for a person. */
  database: string;
  /** Why nothing may be changed here; null where it may. */
  readOnly: string | null;
  /** Active postings, then the newest open ones, then the newest ended ones. */
  postings: readonly TopPosting[];
  /** How many more there are that have not ended. */
  morePostings: number;
  /** Of all postings that have not ended. */
  jobs: JobCounts;
  /** Of postings that are open. */
  oldestWaitingMs: number | null;
  /** Attempts that ended in each of up to 60 seconds, the oldest first, as far as pools told. */
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
  /** Whose pools run it; null: all. */
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
  /** How many of its workers ran a job at its last beat; null where it has not told. */
  busy: number | null;
  /** What it holds, for a person. */
  work: string;
  beatAgoMs: number;
  /** It is late by a whole heartbeat timeout: others may rescue from it. */
  isStale: boolean;
  /** Outcomes that it sent too late, and that were refused. */
  refused: number;
  /** The project whose postings it runs, beside those of none; null: of any. */
  project: string | null;
}

/** Failures of a posting that look the same. */
export interface TopFailure {
  postingId: number;
  fingerprint: string;
  count: number;
  firstAt: Date;
  lastAt: Date;
  /** One of the newest. */
  job: string;
  message: string;
}

export interface TopJob {
  index: number;
  status: keyof JobCounts;
  attempts: number;
  /** While it runs and has told: how far it is, from 0 to 1, and a few words. */
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
  /** Where the next page begins; null after the last. */
  next: number | null;
}

/** The second screen. */
export interface Metrics {
  /** Attempts that ended their job in each minute of the last hour, the oldest first. */
  endedByMinute: readonly number[];
  failedByMinute: readonly number[];
  /** From posting to the start of the first attempt, of a sample; how long attempts took. */
  latency: Histogram;
  duration: Histogram;
  /** How many first attempts the latency is of. */
  sampled: number;
  /** Waiting, running and retrying jobs. */
  depth: number;
  retrying: number;
  /** Of the last day. */
  refused: number;
  tables: readonly { name: string; bytes: number; rows: number }[];
}
