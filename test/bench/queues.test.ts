import { expect, test } from "bun:test";

import { endAll, fill, fillOneByOne } from "../../bench/backlog.ts";
import { multiply } from "../../bench/multiply.ts";
import { freshDatabase } from "../database.ts";

test("copies of a drained posting have its jobs and their outcomes", async () => {
  await using db = await freshDatabase();
  await fill(db.db, 10_000);
  await endAll(db.db);
  await multiply(db.db, 1, 21);
  const postings = await db.sql`
    select state, done, job_count, count(*)::integer as count from pdoflow.posting group by 1, 2, 3`;
  expect([...postings]).toMatchObject([
    { state: "finished", done: 10_000, jobCount: 10_000, count: 22 },
  ]);
  const jobs = await db.sql`
    select status, count(*)::integer as count, count(distinct args::text)::integer as args
    from pdoflow.job_status where posting_id = (select max(id) from pdoflow.posting)
    group by status`;
  expect([...jobs]).toMatchObject([{ status: "done", count: 10_000, args: 10_000 }]);
});

test("postings of one job each are posted and ended", async () => {
  await using db = await freshDatabase();
  await fillOneByOne(db.db, 1_001);
  await endAll(db.db);
  const rows = await db.sql`
    select count(*)::integer as postings, sum(done)::integer as done from pdoflow.posting
    where state = 'finished'`;
  expect([...rows]).toMatchObject([{ postings: 1_001, done: 1_001 }]);
});
