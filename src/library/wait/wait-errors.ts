import { blockedText, type EdgeFacts } from "../../domain/edge-text.ts";
import { exitCodes, PdoflowError, PostingNotFound } from "../../domain/errors.ts";

/** The error for a posting that is not in the database. */
export const postingNotFound = (id: number): PostingNotFound =>
  new PostingNotFound(
    `Expected posting ${id} in the database, found none. It was removed, or is in another ` +
      "database. Run: pdoflow status",
  );

/** A posting was stopped because its jobs kept failing; it continues only if someone resumes it. */
export class PostingStopped extends PdoflowError {
  override readonly name = "PostingStopped";
  readonly exitCode = exitCodes.jobsFailed;
  constructor(id: number, left: number, reason: string | null) {
    super(
      `Expected posting ${id} to end, and it was stopped with ${left} jobs left` +
        `${reason === null ? "" : `: ${reason}`}. Its results() have the errors. Correct their ` +
        `cause, then: pdoflow resume ${id}; or give it up: pdoflow cancel ${id}`,
    );
  }
}

/**
 * A posting cannot run, because a posting that it waits for has failed or cancelled jobs. It runs
 * when these are repaired.
 */
export class PostingBlocked extends PdoflowError {
  override readonly name = "PostingBlocked";
  readonly exitCode = exitCodes.jobsFailed;
  constructor(id: number, edges: readonly EdgeFacts[]) {
    super(`Expected posting ${id} to end, and it ${blockedText(id, edges) ?? "is blocked"}`);
  }
}

/** A posting did not end within the timeout. */
export class WaitTimedOut extends PdoflowError {
  override readonly name = "WaitTimedOut";
  readonly exitCode = exitCodes.jobsFailed;
  constructor(id: number, timeoutMs: number) {
    super(
      `Expected posting ${id} to end within ${timeoutMs} ms, and it has not. It continues: see ` +
        "its status(), or wait again. Does a pool run that may take it?",
    );
  }
}

/** A posting has ended without fulfilling the condition. */
export class ConditionMissed extends PdoflowError {
  override readonly name = "ConditionMissed";
  readonly exitCode = exitCodes.jobsFailed;
  constructor(id: number, status: object | undefined) {
    super(
      `Expected posting ${id} to fulfil the condition at some time, and it has ended as ` +
        `${JSON.stringify(status)}. Was the condition true for less than a second?`,
    );
  }
}

/** The failed jobs of a posting cannot be retried. */
export class NotRetriable extends PdoflowError {
  override readonly name = "NotRetriable";
  readonly exitCode = exitCodes.usage;
  constructor(id: number) {
    super(`Expected posting ${id} not to be cancelled, and it was. Post its jobs again.`);
  }
}
