import { expect, test } from "bun:test";

import { noJobs, type JobCounts } from "../../../src/domain/states.ts";
import type { Db, Sql } from "../../../src/db/connection/connect.ts";
import { release } from "../../../src/db/engine/release.ts";
import { readCounts, readPostingCounts } from "../../../src/db/read/status.ts";
import { freshDatabase } from "../../database.ts";
import { drivenPool, only, postJobs } from "../hand-driven.ts";

const counts = (some: Partial<JobCounts>): JobCounts => ({ ...noJobs, ...some });

test("a job is counted once at every step of its life", async () => {
  await using database = await freshDatabase();
  const { db } = database;
  const id = await postJobs(db, 10);
  const pool = await drivenPool(db);
  const now = async () => (await readCounts(db, [id])).get(id);
  expect(await now()).toEqual(counts({ waiting: 10 }));

  const first = only(await pool.claim(6));
  expect(await now()).toEqual(counts({ waiting: 4, running: 6 }));

  await pool.end(first, ["done", "failed", "retried"]);
  expect(await now()).toEqual(counts({ waiting: 4, running: 3, retrying: 1, done: 1, failed: 1 }));

  await release(db, pool.id, [first.leaseId]);
  expect(await now()).toEqual(counts({ waiting: 7, retrying: 1, done: 1, failed: 1 }));

  await pool.endAll();
  expect(await now()).toEqual(counts({ done: 9, failed: 1 }));
  expect(only(await readPostingCounts(db, [id]))).toMatchObject({
    state: "finished",
    isEnded: true,
  });
});

test("jobs of several lanes are counted together, also while they are held", async () => {
  await using database = await freshDatabase();
  const { db } = database;
  const id = await postJobs(db, 6, [1, 2, 1, 2, 3, 3]);
  const pool = await drivenPool(db);
  await pool.claim(1);
  await db.sql`select pdoflow.pause_postings(array[${id}::bigint], 'paused', null)`;
  expect((await readCounts(db, [id])).get(id)).toEqual(counts({ waiting: 5, running: 1 }));
  await db.sql`select pdoflow.cancel(array[${id}::bigint], false, null)`;
  expect((await readCounts(db, [id])).get(id)).toEqual(counts({ cancelled: 5, running: 1 }));
});

test("many postings are counted at once, and one that does not exist is left out", async () => {
  await using database = await freshDatabase();
  const { db } = database;
  const ids = [await postJobs(db, 1), await postJobs(db, 2), await postJobs(db, 3)];
  const found = await readCounts(db, [...ids, 4711]);
  expect([...found.keys()]).toEqual(ids);
  expect([...found.values()].map(({ waiting }) => waiting)).toEqual([1, 2, 3]);
});

test("counting reads no job and no outcome, and one lease for a lane", async () => {
  await using database = await freshDatabase();
  const { db } = database;
  const id = await postJobs(db, 400);
  const pool = await drivenPool(db);
  for (let claimed = 0; claimed < 300; claimed++)
    await pool.end(only(await pool.claim(1)), ["done"]);
  await db.sql`analyze`;
  const read = await rowsRead(db, (db) => readCounts(db, [id]));
  expect(read("job")).toBe(0);
  expect(read("outcome")).toBe(0);
  expect(read("lease")).toBe(1);
});

/** How many rows of each table `work` reads. */
async function rowsRead(db: Db, work: (db: Db) => Promise<unknown>) {
  return await db.sql.begin(async (tx) => {
    const rows = () => tx<{ relname: string; count: number }[]>`
      select relname, (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::integer as count
      from pg_stat_xact_user_tables where schemaname = 'pdoflow'`;
    const before = await rows();
    await work({ ...db, sql: tx as unknown as Sql });
    const after = await rows();
    const of = (list: typeof before, table: string) =>
      list.find(({ relname }) => relname === table)?.count ?? 0;
    return (table: string) => of(after, table) - of(before, table);
  });
}
