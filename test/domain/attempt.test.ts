import { expect, test } from "bun:test";

import { type AttemptState, type OutcomeState, outcomeState } from "../../src/domain/attempt.ts";

test.each<[string, AttemptState, number, number, OutcomeState]>([
  ["a success is done", "done", 1, 3, "done"],
  ["a success of the last attempt is done", "done", 3, 3, "done"],
  ["a failure with tries left is retried", "failed", 2, 3, "retried"],
  ["a failure of the last try is final", "failed", 3, 3, "failed"],
  ["a failure of the only try is final", "failed", 1, 1, "failed"],
])("%s", (_sentence, end, attempt, maxAttempts, expected) => {
  expect(outcomeState(end, attempt, maxAttempts)).toBe(expected);
});
