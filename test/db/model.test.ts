// The whole engine against a model of it: what pools and people do in any order, and at the same
// time. For longer: PDOFLOW_TEST_MODEL_RUNS=5000 bun test test/db/model.test.ts.
import { expect, test } from "bun:test";

import { ModelRuns } from "./model/runs.ts";

const suiteMs = 15_000;
const runsAtOnce = 10;
const longest = Number(process.env["PDOFLOW_TEST_MODEL_RUNS"] ?? 0);
const firstSeed = Number(process.env["PDOFLOW_TEST_MODEL_SEED"] ?? 1);

test(
  "the queue does what the model says, and no invariant breaks",
  async () => {
    await using runs = await ModelRuns.open();
    const deadline = performance.now() + suiteMs;
    const isOver = () => (longest > 0 ? runs.tally.runs >= longest : performance.now() > deadline);
    for (let seed = firstSeed; !isOver(); seed++) {
      const failure = await runs.failure(seed, runsAtOnce);
      if (failure !== null) throw new Error(failure);
    }
    if (longest > 0) console.log(runs.tally);
    expect(runs.tally.runs).toBeGreaterThan(0);
  },
  { timeout: 24 * 3_600_000 },
);
