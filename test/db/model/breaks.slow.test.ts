// The model finds each fault that is put into a function of the engine.
import { expect, test } from "bun:test";

import { breakRoutine, breaks } from "./breaks.ts";
import { ModelRuns } from "./runs.ts";

/** Faults that only a race shows need about a hundred. */
const seedsMax = 400;
const runsAtOnce = 5;
/** A quiet machine runs them all within five minutes; how many are run must not depend on that. */
const timeoutMs = 3_600_000;

test.each(breaks)(
  "the model finds it if $name",
  async (fault) => {
    await using runs = await ModelRuns.open();
    await breakRoutine(runs.db, fault);
    let failure: string | null = null;
    for (let seed = 1; failure === null && seed <= seedsMax; seed++) {
      failure = await runs.failure(seed, runsAtOnce, false);
    }
    expect(failure).not.toBeNull();
  },
  timeoutMs,
);
