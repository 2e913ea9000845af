/** How one attempt at one job ended, for the worker that ran it. */
export type AttemptEnd = "done" | "failed";

/** What an outcome row says: `retried` means that another attempt follows. */
export type OutcomeState = "done" | "failed" | "retried" | "cancelled";

/** Why an attempt failed, as it is kept with its outcome. */
export interface JobError {
  /** The class of what was thrown, or what happened to the worker: "WorkerDied". */
  name: string;
  message: string;
  stack?: string;
  cause?: JobError;
}

/** The state of the outcome of attempt number `attempt` (from 1) of at most `tries`. */
export function outcomeState(end: AttemptEnd, attempt: number, tries: number): OutcomeState {
  switch (end) {
    case "done":
      return "done";
    case "failed":
      return attempt < tries ? "retried" : "failed";
  }
}
