// The model finds each fault that is put into a function of the engine.
import { expect, test } from "bun:test";

import { breakRoutine, breaks } from "./breaks.ts";
import { ModelRuns } from "./runs.ts";

const breakMs = 120_000;
const runsAtOnce = 5;

test.each(breaks)(
  "the model finds it if $name",
  async (fault) => {
    await using runs = await ModelRuns.open();
    await breakRoutine(runs.db, fault);
    const deadline = performance.now() + breakMs;
    let failure: string | null = null;
    for (let seed = 1; failure === null && performance.now() < deadline; seed++) {
      failure = await runs.failure(seed, runsAtOnce, false);
    }
    expect(failure).not.toBeNull();
  },
  2 * breakMs,
);
