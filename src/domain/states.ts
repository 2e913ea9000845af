// The states of postings, jobs and pools in the database; sql/tables has the same lists.

/**
 * States of a posting. `finished` and, once its last job ended, `cancelled` are final, unless
 * failed jobs of a finished one are retried by hand.
 */
export const postingStates = ["open", "paused", "errored_out", "cancelled", "finished"] as const;
export type PostingState = (typeof postingStates)[number];

/** The states by which commands can select postings. */
export const liveStates = ["open", "paused", "errored_out", "cancelled"] as const;

/** The statuses of a job. */
export const jobStatuses = [
  "waiting",
  "running",
  "retrying",
  "done",
  "failed",
  "cancelled",
] as const;
export type JobStatus = (typeof jobStatuses)[number];

/** The number of jobs of a posting in each status; the sum is the number of its jobs. */
export type JobCounts = Record<JobStatus, number>;

export const noJobs: Readonly<JobCounts> = {
  waiting: 0,
  running: 0,
  retrying: 0,
  done: 0,
  failed: 0,
  cancelled: 0,
};

/** States of a row of the table `pool`; src/pool/state.ts has those of the process. */
export const poolRowStates = ["up", "draining", "stopped", "lost"] as const;
export type PoolRowState = (typeof poolRowStates)[number];

/** "open, paused or cancelled": a list for messages and help. */
export const orList = (words: readonly string[]): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
