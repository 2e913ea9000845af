// While another transaction has an old snapshot, ended rows cannot be vacuumed: the reads of a
// claim must not grow with them (rule 3).
import { expect, test } from "bun:test";

import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { freshQueue, jobsOf, newPool, postJobs, postManySingles, record, take } from "../engine.ts";
import { openTransaction } from "../locks.ts";

interface Plan {
  Plan: { "Shared Hit Blocks": number; "Shared Read Blocks": number };
}

/** How many blocks of tables and indexes a claim of this pool reads. */
async function blocksOfClaim(db: Db, pool: number, positions = "{}"): Promise<number> {
  await using tx = connect(db.target, { connections: 1 });
  await explainClaim(tx, pool, positions); // a session's first claim reads the catalog too
  return await explainClaim(tx, pool, positions);
}

async function explainClaim(db: Db, pool: number, positions: string): Promise<number> {
  await db.sql`begin`;
  const [row] = await db.sql<{ "QUERY PLAN": Plan[]; queryPlan?: Plan[] }[]>`
    explain (analyze, buffers, format json)
    select * from pdoflow.claim(
      ${pool}, row(array(select id from pdoflow.route), false, '{}', '{}', '{}', 5, 1, '{}', 100, null,
        ${positions}::bigint[])
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

test("nor after 3,000 lanes were deleted, if it begins at a position", async () => {
  await using db = await freshQueue();
  const first = await postManySingles(db, 3_500);
  const pool = await newPool(db);
  await using old = await openTransaction(db);
  await old.sql`set transaction isolation level repeatable read`;
  await old.sql`select count(*) from pdoflow.job`;
  const before = await blocksOfClaim(db, pool);
  for (let n = 0; n < 6; n++) await take(db, pool);
  expect(await blocksOfClaim(db, pool, `{${first + 2_900}}`)).toBeLessThan(before + 20);
  expect(await blocksOfClaim(db, pool)).toBeGreaterThan(before + 20);
  await old.sql`rollback`;
}, 120_000);
