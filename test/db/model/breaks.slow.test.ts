// The model finds each fault that is put into a function of the engine.
import { expect, test } from "bun:test";

import { breakRoutine, breaks } from "./breaks.ts";
import { ModelRuns } from "./runs.ts";

/** Some faults show in a race alone, which some tens of seeds may not have. */
const seedsMax = 400;
const runsAtOnce = 5;
/** A seed takes 5 s on a busy machine, which is to run as many of them as a quiet one. */
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
