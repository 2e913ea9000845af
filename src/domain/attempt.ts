/** How one attempt at one job ended. */
export type AttemptEnd = "done" | "failed" | "cancelled";

/** What an outcome row says: `retried` means that another attempt follows. */
export type OutcomeState = AttemptEnd | "retried";

/** Why an attempt failed, as it is kept with its outcome. */
export interface JobError {
  /** The class of what was thrown, or what happened: "WorkerDied", "OutOfMemory", "Timeout". */
  name: string;
  message: string;
  stack?: string;
  cause?: JobError;
  /** What an AggregateError gathers. */
  errors?: JobError[];
}

/** @internal The state of the outcome of attempt `attempt` (from 1) of at most `tries` (rule 7). */
export function outcomeState(end: AttemptEnd, attempt: number, maxAttempts: number): OutcomeState {
  switch (end) {
    case "done":
    case "cancelled":
      return end;
    case "failed":
      return attempt < maxAttempts ? "retried" : "failed";
  }
}
