/** The end of one attempt at one job. */
export type AttemptState = "done" | "failed" | "cancelled";

/** The state of an outcome row: `retried` means that another attempt follows. */
export type OutcomeState = AttemptState | "retried";

/** The error of a failed attempt, as stored with its outcome. */
export interface JobError {
  /** The class of the thrown value, or the event: "WorkerDied", "OutOfMemory", "Timeout". */
  name: string;
  message: string;
  stack?: string;
  cause?: JobError;
  /** The errors of an AggregateError. */
  errors?: JobError[];
}

/** @internal The state of the outcome of an attempt; `attempt` counts from 1 (rule 7). */
export function outcomeState(
  end: AttemptState,
  attempt: number,
  maxAttempts: number,
): OutcomeState {
  switch (end) {
    case "done":
    case "cancelled":
      return end;
    case "failed":
      return attempt < maxAttempts ? "retried" : "failed";
  }
}

const longestMs = 3_600_000;

/**
 * The delay after a job's attempt number `attempt` (from 1) failed, in milliseconds: `baseMs`
 * doubled with each attempt, an hour at most. `random` in [0, 1) subtracts up to a quarter, so that
 * jobs which failed together do not return together.
 */
export function retryDelayMs(baseMs: number, attempt: number, random: number): number {
  const fullMs = Math.min(baseMs * 2 ** (attempt - 1), longestMs);
  return Math.round(fullMs * (1 - random / 4));
}
