// Which statements of a pool wait until their commit is on disk.
import { expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { claimSingle } from "../../../src/db/engine/leases.ts";
import { markListening, reportRunning } from "../../../src/db/engine/pools.ts";
import { allRoutes, jobsOf, newPool, postJobs, queueOfFile, record, take } from "../engine.ts";
import { openTransaction } from "../locks.ts";

const queue = queueOfFile();

/** Whether the commit of a transaction that did this work would wait for the disk. */
async function waits(db: Db, work: (db: Db) => PromiseLike<unknown>): Promise<boolean> {
  await using transaction = await openTransaction(db);
  await transaction.sql`set local synchronous_commit = on`;
  await work(transaction);
  const [row] = await transaction.sql`select current_setting('synchronous_commit') as value`;
  return row?.["value"] === "on";
}

test("a claim does not wait, with or without jobs, unless their posting has limits", async () => {
  await using db = await queue();
  const pool = await newPool(db);
  expect(await waits(db, (open) => take(open, pool))).toBe(false);
  const posting = await postJobs(db, 1);
  expect(await waits(db, (open) => take(open, pool))).toBe(false);
  const single = async (open: Db, id: number) =>
    await claimSingle(open, { poolId: pool, postingId: id, routes: await allRoutes(db) });
  expect(await waits(db, (open) => single(open, posting))).toBe(false);
  const limited = await postJobs(db, 2, { maxRunning: 1, priority: 1 });
  expect(await waits(db, (open) => single(open, limited))).toBe(false);
  expect(await waits(db, (open) => take(open, pool))).toBe(true);
});

test("outcomes and heartbeats wait; the report that a pool listens does not", async () => {
  await using db = await queue();
  const pool = await newPool(db);
  await postJobs(db, 1);
  const jobs = jobsOf(await take(db, pool));
  expect(await waits(db, (open) => record(open, pool, jobs))).toBe(true);
  expect(await waits(db, (open) => reportRunning(open, pool, []))).toBe(true);
  expect(await waits(db, (open) => markListening(open, pool))).toBe(false);
});
