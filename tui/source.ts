import type { JobError } from "../src/domain/attempt.ts";
import type { JobCounts, PostingState } from "../src/domain/posting.ts";

// What the dashboard asks of the queue. Moments are the database's.

export interface TopPosting {
  id: number;
  name: string | null;
  entryPoint: string;
  jobCount: number;
  state: PostingState;
  reason: string | null;
  poster: string;
  /** The highest of its jobs that wait; null where that is not known. */
  priority: number | null;
  postedAt: Date;
  endedAt: Date | null;
  jobs: JobCounts;
}

export interface TopPool {
  id: number;
  host: string;
  pid: number;
  state: "up" | "draining" | "stopped" | "lost";
  slots: number;
  /** How many of its workers run a job; null where that is not known. */
  busy: number | null;
  /** What it works at, for a person. */
  work: string;
  beatAgoMs: number;
  isStale: boolean;
  /** Outcomes that it sent too late, and that were refused. */
  refused: number;
}

/** Failures of a posting that look the same. */
export interface TopFailure {
  postingId: number;
  fingerprint: string;
  count: number;
  firstAt: Date;
  lastAt: Date;
  /** Of the newest of them. */
  job: string;
  message: string;
}

export interface Snapshot {
  /** The database's clock. */
  at: Date;
  /** Which database, for a person. */
  database: string;
  /** Why nothing may be changed here; null where it may. */
  readOnly: string | null;
  postings: readonly TopPosting[];
  /** How many more there are that have not ended. */
  morePostings: number;
  /** Of all postings that have not ended. */
  jobs: JobCounts;
  oldestWaitingMs: number | null;
  pools: readonly TopPool[];
  failures: readonly TopFailure[];
}

export interface TopJob {
  index: number;
  status: keyof JobCounts;
  attempts: number;
  host: string | null;
  poolId: number | null;
  durationMs: number | null;
  endedAt: Date | null;
  error: JobError | null;
  /** As JSON text. */
  args: string;
  stdout: string | null;
  stderr: string | null;
}

/** Which jobs of a posting: all, or those of a status, or of a group of failures. */
export interface JobsWish {
  postingId: number;
  /** The first index that is looked at. */
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

/** A histogram: how many took up to so many milliseconds, and longer than the one before. */
export type Histogram = readonly { upToMs: number; count: number }[];

/** The second screen. */
export interface Numbers {
  /** Jobs that ended in each minute of the last hour, the oldest first. */
  endedByMinute: readonly number[];
  failedByMinute: readonly number[];
  /** From being posted to being started, and how long attempts took. */
  latency: Histogram;
  duration: Histogram;
  /** How many attempts the two are of. */
  sampled: number;
  depth: number;
  retrying: number;
  refused: number;
  tables: readonly { name: string; bytes: number; rows: number }[];
}

export type Action =
  | { kind: "pause" | "resume" | "cancel" | "retry"; ids: readonly number[] }
  | { kind: "retryGroup"; groups: readonly { postingId: number; fingerprint: string }[] }
  | { kind: "drain"; ids: readonly number[] };

export interface Source {
  snapshot(): Promise<Snapshot>;
  jobs(wish: JobsWish): Promise<JobsPage>;
  /** Null where it is not there any more. */
  job(postingId: number, index: number): Promise<TopJob | null>;
  numbers(): Promise<Numbers>;
  /** What came of it, for a person. */
  act(action: Action): Promise<string>;
}
