// The rows read for the dashboard do not grow with the backlog or with history (rule 3).
import { expect, test } from "bun:test";

import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { readMetrics } from "../../../src/db/dashboard/metrics.ts";
import { readSnapshot } from "../../../src/db/dashboard/snapshot.ts";
import { freshQueue, jobsOf, newPool, postJobs, recordPart, take } from "../engine.ts";

/**
 * Commits wait until the log is flushed. Before that, vacuum marks no page as visible to all, and
 * index-only scans read the table, too: the counts of rows would depend on the log writer.
 */
const flushing = { connections: 1, overrides: { synchronous_commit: "on" } };

/** As many more postings like one, with a lane each. */
async function postLike({ sql }: Db, id: number, count: number, isEnded: boolean) {
  await sql`
    insert into pdoflow.posting (entry_point, job_count, route_id, state, ended_at, done)
    select entry_point, job_count, route_id, ${isEnded ? "finished" : "open"},
           ${isEnded ? sql`now()` : null}, ${isEnded ? sql`job_count` : 0}
    from pdoflow.posting, generate_series(1, ${count}) where id = ${id}`;
  await sql`
    insert into pdoflow.lane (posting_id, priority, first_seq, end_seq, route_id, state)
    select p.id, 0, 0, p.job_count, p.route_id, ${isEnded ? "closed" : "open"}
    from pdoflow.posting p left join pdoflow.lane l on l.posting_id = p.id
    where l.posting_id is null`;
}

/**
 * The number of rows of each table that a refresh reads, on a separate connection: the server adds
 * the reads of a connection's last second to its transaction.
 */
async function costOf({ target }: Db, look: (db: Db) => Promise<unknown>) {
  await using db = connect(target, { connections: 1 });
  await db.sql`begin`;
  const begin = (work: (sql: Db["sql"]) => unknown) => work(db.sql);
  await look({
    ...db,
    sql: new Proxy(db.sql, {
      get: (sql, name) => (name === "begin" ? begin : Reflect.get(sql, name)),
    }),
  });
  const rows = await db.sql<{ name: string; rows: number }[]>`
    select regexp_replace(relname, '_\\d+$', '') as name,
           sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::integer as rows
    from pg_stat_xact_user_tables where schemaname = 'pdoflow' group by 1`;
  await db.sql`rollback`;
  return new Map(rows.map((row) => [row.name, row]));
}

test("the dashboard reads neither jobs and outcomes nor ended postings", async () => {
  await using queue = await freshQueue();
  await using db = connect(queue.target, flushing);
  const pool = await newPool(db);
  const id = await postJobs(db, 50_000);
  const jobs = jobsOf(await take(db, pool, { cap: 1_000 }));
  await recordPart(db, pool, jobs.slice(0, 500));
  await recordPart(db, pool, jobs.slice(500, 600), { state: "failed" });
  await postLike(db, id, 30_000, true);
  await postLike(db, id, 2_000, false);
  await db.sql`
    insert into pdoflow.lease (pool_id, active, lane_posting_id, lane_priority, lane_first_seq,
                               lane_end_seq, posting_ids, first_seqs, end_seqs, attempts)
    select 1, false, -n, 0, 0, 1, array[-n], '{0}', '{1}', '{1}'
    from generate_series(1, 50000) as n`;
  await db.sql`vacuum (analyze, freeze, index_cleanup on)`;
  for (const look of [(tx: Db) => readSnapshot(tx), readMetrics]) {
    const cost = await costOf(db, look);
    const rowsOf = (name: string) => cost.get(name)?.rows ?? 0;
    expect(rowsOf("outcome")).toBe(0);
    expect(rowsOf("job")).toBeLessThan(200); // one example of each group
    for (const name of ["posting", "lane"]) expect(rowsOf(name)).toBeLessThan(10_000);
    expect(rowsOf("lease")).toBeLessThan(2_100);
  }
  const { postings, morePostings, jobs: all } = await readSnapshot(db);
  expect([postings.length, morePostings]).toEqual([500, 1_501]);
  expect(all).toMatchObject({ waiting: 2_001 * 50_000 - 1_000, running: 400, done: 500 });
}, 60_000);

test("a refresh looks at the shown postings of flows, and judges each upstream once", async () => {
  await using queue = await freshQueue();
  await using db = connect(queue.target, flushing);
  const up = await postJobs(db, 1);
  await postLike(db, up, 20_000, true);
  const id = await postJobs(db, 10, { after: [{ posting: up, kind: "after" }] });
  await postLike(db, id, 3_000, false);
  await db.sql`insert into pdoflow.flow (name, poster, poster_os)
               select 'night', 'ann', 'ann' from generate_series(1, 2000)`;
  await db.sql`update pdoflow.posting set flow_id = id % 2000 + 1, stage = 'stage' || id`;
  await db.sql`
    update pdoflow.posting set waits = true where ended_at is null and id > ${up} and not waits`;
  await db.sql`insert into pdoflow.edge (posting_id, upstream_id, kind)
               select id, ${up}, 'after' from pdoflow.posting where waits on conflict do nothing`;
  await db.sql`vacuum (analyze, freeze, index_cleanup on)`;
  const cost = await costOf(db, (tx) => readSnapshot(tx));
  const rowsOf = (name: string) => cost.get(name)?.rows ?? 0;
  expect((await readSnapshot(db)).postings.length).toBe(1_000);
  // 500 newest postings, 500 more stages, and the edges of these. 3,000 postings wait.
  expect(rowsOf("edge")).toBeLessThan(1_010);
  expect(rowsOf("flow")).toBeLessThan(1_001);
  // The unfinished ones, and the shown ones two or three times.
  expect(rowsOf("posting")).toBeLessThan(6_000);
}, 60_000);
