import type { EndedAttempt } from "./outcome-batch.ts";
import { messageOf } from "../../domain/errors.ts";

/**
 * An outcome that the database has refused for something about it, without all that may be the
 * reason: a value that jsonb can't hold, a letter that the database's encoding does not have. What
 * was done has failed by that; another try would only be refused again.
 */
export function outcomeRefused(outcome: EndedAttempt, error: unknown): EndedAttempt {
  const said = messageOf(error);
  const message =
    "the database refused what the job returned, printed or threw: " +
    said.slice(0, 500).replaceAll(/[^\x20-\x7e]/g, "?");
  return {
    ...outcome,
    state: outcome.state === "done" ? "failed" : outcome.state,
    result: null,
    error: JSON.stringify({ name: "OutcomeRefused", message }),
    stdout: null,
    stderr: null,
  };
}
