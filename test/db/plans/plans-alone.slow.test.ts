// If there is only one posting, the planner assumes that all rows fulfil a condition on it: plans
// that are right among many postings are not right then (rule 3).
import { expect, test } from "bun:test";

import { connect } from "../../../src/db/connection/connect.ts";
import { finishPostings } from "../../../src/db/engine/outcomes.ts";
import { readResults } from "../../../src/db/read/results.ts";
import {
  freshQueue,
  jobsOf,
  newPool,
  postJobs,
  putBack,
  readLines,
  record,
  recordPart,
  take,
} from "../engine.ts";
import { scannedIn } from "./scanned.ts";

test.each([
  ["with statistics", true],
  ["without", false],
])("a job costs the same if there is only one posting, %s", async (_, isAnalyzed) => {
  await using alone = await freshQueue();
  const id = await postJobs(alone, 10_000, { perBlock: 5 });
  const pool = await newPool(alone);
  await record(alone, pool, jobsOf(await take(alone, pool, { cap: 6_000 })));
  if (isAnalyzed) await alone.sql`vacuum analyze`;
  await using tx = connect(alone.target, { connections: 1 });
  await tx.sql`begin`;
  for (let n = 0; n < 8; n++) {
    const ranges = await take(tx, pool, { cap: 200 });
    const jobs = jobsOf(ranges);
    expect((await readLines(tx, ranges)).flat()).toHaveLength(jobs.length);
    await recordPart(tx, pool, jobs.slice(0, 50));
    await putBack(tx, pool, jobs.slice(50), jobs.slice(150));
    await record(tx, pool, jobs.slice(150));
    await finishPostings(tx, [id]);
  }
  const read = await scannedIn(tx);
  for (let n = 0; n < 8; n++)
    await readResults(tx, { postingId: id, first: 5_000, size: 200, isSorted: false });
  const readThen = await scannedIn(tx);
  await tx.sql`rollback`;
  expect(read).toEqual([]);
  // Of tables of one row there is nothing to save.
  expect(readThen.filter((name) => !/posting|retry/.test(name))).toEqual([]);
});

test("statements that turn off a planner setting are never compiled", async () => {
  await using alone = await freshQueue();
  const names = await alone.sql`
    select proname from pg_proc where pronamespace = 'pdoflow'::regnamespace
      and array_to_string(proconfig, ',') like '%enable_%=off%'
      and not 'jit=off' = any (proconfig)`;
  expect(names.map(({ proname }) => proname)).toEqual([]);
});
