// While another transaction has an old snapshot, ended rows cannot be vacuumed: the reads of a
// claim must not grow with them (rule 3).
import { expect, test } from "bun:test";

import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { freshQueue, jobsOf, newPool, openTransaction, postJobs, record, take } from "../engine.ts";

interface Plan {
  Plan: { "Shared Hit Blocks": number; "Shared Read Blocks": number };
}

/** How many blocks of tables and indexes a claim of this pool reads. */
async function blocksOfClaim(db: Db, pool: number): Promise<number> {
  await using tx = connect(db.target, { connections: 1 });
  await explainClaim(tx, pool); // a session's first claim reads the catalog too
  return await explainClaim(tx, pool);
}

async function explainClaim(db: Db, pool: number): Promise<number> {
  await db.sql`begin`;
  const [row] = await db.sql<{ "QUERY PLAN": Plan[]; queryPlan?: Plan[] }[]>`
    explain (analyze, buffers, format json)
    select * from pdoflow.claim(
      ${pool}, row(array(select id from pdoflow.route), false, '{}', '{}', '{}', 5, 1, '{}', 100, null)
        ::pdoflow.claim_options)`;
  await db.sql`rollback`;
  const [plan] = Object.values(row ?? {})[0] as Plan[];
  if (!plan) throw new Error("expected a plan");
  return plan.Plan["Shared Hit Blocks"] + plan.Plan["Shared Read Blocks"];
}

test("a claim reads no more after 3,000 others while an old snapshot is open", async () => {
  await using db = await freshQueue();
  await postJobs(db, 10_000);
  const pool = await newPool(db);
  const claimAndEnd = async (times: number) => {
    for (let n = 0; n < times; n++)
      await record(db, pool, jobsOf(await take(db, pool, { cap: 2 })));
  };
  await claimAndEnd(20);
  await using old = await openTransaction(db);
  await old.sql`set transaction isolation level repeatable read`;
  await old.sql`select count(*) from pdoflow.job`;
  const first = await blocksOfClaim(db, pool);
  await claimAndEnd(3_000);
  const last = await blocksOfClaim(db, pool);
  expect(first).toBeGreaterThan(5);
  expect(last).toBeLessThan(first + 20);
  await old.sql`rollback`;
}, 120_000);
