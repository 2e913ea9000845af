// The states of postings, jobs and pools in the database; sql/tables has the same lists.

/**
 * States of a posting. `finished` and, once its last job ended, `cancelled` are final, unless
 * failed jobs of a finished one are retried by hand.
 */
export const postingStates = ["open", "paused", "errored_out", "cancelled", "finished"] as const;
export type PostingState = (typeof postingStates)[number];

/**
 * Open postings that wait for others (docs/flows.md) are shown as waiting, or as blocked. This is
 * derived: the database has no such states.
 */
export const waitingStates = ["waiting", "blocked"] as const;
export type WaitingState = (typeof waitingStates)[number];
export const shownStates = [...postingStates, ...waitingStates] as const;
export type VisibleState = PostingState | WaitingState;

/** The states by which commands can select postings. */
export const liveStates = ["open", "paused", "errored_out", "cancelled", ...waitingStates] as const;
export type LiveState = (typeof liveStates)[number];

/** The state of a posting as people read it. */
export function shownState(posting: {
  state: PostingState;
  waits: boolean;
  isBlocked: boolean;
}): VisibleState {
  if (posting.state !== "open" || !posting.waits) return posting.state;
  return posting.isBlocked ? "blocked" : "waiting";
}

/** The states of an edge: lapsed if its posting was cancelled before the edge was met. */
export const edgeStates = ["waiting", "blocked", "met", "lapsed"] as const;
export type EdgeState = (typeof edgeStates)[number];

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
