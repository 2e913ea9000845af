// The whole engine against a model of it: operations of pools and people, in any order and at the
// same time. PDOFLOW_TEST_MODEL_RUNS=5000 makes it longer, PDOFLOW_TEST_MODEL_SEED begins
// elsewhere. breaks.slow.test.ts shows that it finds faults.
import { expect, test } from "bun:test";

import { fuzzTimes } from "../../fuzz-times.ts";
import { freshQueue, hold, jobsOf, newPool, postJobs, record, take } from "../engine.ts";
import { commit, findDeadlocksSoon, openTransaction, untilBlocked } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";
import { breaks, brokenText } from "./breaks.ts";
import { ModelRuns } from "./runs.ts";

const suiteMs = 4_000 * fuzzTimes;
const runsAtOnce = 5;
const longest = Number(process.env["PDOFLOW_TEST_MODEL_RUNS"] ?? 0);
const firstSeed = Number(process.env["PDOFLOW_TEST_MODEL_SEED"] ?? 1);

test(
  "the queue behaves as the model, and no invariant breaks",
  async () => {
    await using runs = await ModelRuns.open();
    const deadline = performance.now() + suiteMs;
    const isOver = () => (longest > 0 ? runs.tally.runs >= longest : performance.now() > deadline);
    for (let seed = firstSeed; !isOver(); seed++) {
      const failure = await runs.failure(seed, runsAtOnce);
      if (failure !== null) throw new Error(failure);
      if (longest > 0 && seed % 10 === 0) console.log(`seed ${seed}`, JSON.stringify(runs.tally));
    }
    expect(runs.tally.runs).toBeGreaterThan(0);
  },
  { timeout: 24 * 3_600_000 },
);

test("a batch and its second sending do not wait for each other", async () => {
  await using db = await freshQueue();
  await findDeadlocksSoon(db);
  const [pool, id] = [await newPool(db), await postJobs(db, 1)];
  const jobs = jobsOf(await take(db, pool));
  await using pausing = await openTransaction(db);
  await hold(pausing, id); // makes both wait, after they have locked the lease
  await using again = await openTransaction(db);
  const sendings = [
    record(db, pool, jobs, { state: "retried" }),
    record(again, pool, jobs, { state: "retried" }).then(() => commit(again)),
  ];
  await untilBlocked(db, 2);
  await commit(pausing);
  await Promise.all(sendings);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("each fault that the slow ring plants is one of the functions as they are now", async () => {
  await using db = await freshQueue();
  const texts = await Promise.all(breaks.map((fault) => brokenText(db, fault)));
  for (const text of texts) await db.sql.unsafe(text); // each is still a function
  expect(texts.length).toBeGreaterThan(30);
});
