// The rows that prune may delete, and that nothing waits for it.
import { expect, test } from "bun:test";

import { connect } from "../../../src/db/connection/connect.ts";
import { finishPostings } from "../../../src/db/engine/outcomes.ts";
import type { JobBatch } from "../../../src/db/posting/batches.ts";
import { insertPosting } from "../../../src/db/posting/insert.ts";
import { countPrunable, prune } from "../../../src/db/admin/prune.ts";
import { findVacuumBlockers } from "../../../src/db/admin/vacuum.ts";
import {
  cancel,
  freshQueue,
  jobsOf,
  newPool,
  postJobs,
  postManySingles,
  putBack,
  readLines,
  record,
  recordPart,
  take,
  takeAll,
} from "../engine.ts";
import { commit, openTransaction } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";
import { all, everywhere, fillUp, kept, postEnded, spans } from "./retention.ts";

const day = 86_400_000;

test("only postings that ended long enough ago are deleted, with all their rows", async () => {
  await using db = await freshQueue();
  await postEnded(db, 30, { daysAgo: 3 });
  const young = await postEnded(db, 20, { daysAgo: 1 });
  const wish = { ...all, olderThanMs: 2 * day };
  expect(await countPrunable(db, wish)).toEqual({ postings: 1, jobs: 30 });
  expect(await prune(db, wish)).toMatchObject({ postings: 1, jobs: 30, busy: 0 });
  expect(await kept(db)).toEqual(everywhere(`${young}`));
  expect(await brokenInvariants(db)).toEqual([]);
});

test("only postings that ended in one of the states are deleted", async () => {
  await using db = await freshQueue();
  const finished = await postEnded(db, 3);
  const cancelled = await postJobs(db, 3);
  await cancel(db, cancelled);
  await prune(db, { ...all, states: ["cancelled"] });
  expect(await kept(db)).toEqual(everywhere(`${finished}`));
});

test("P6: a posting is kept for as long as it was promised", async () => {
  await using db = await freshQueue();
  const promised = await postEnded(db, 3, { daysAgo: 10, keepMs: 11 * day });
  await postEnded(db, 3, { daysAgo: 12, keepMs: 11 * day });
  await prune(db, all);
  expect(await kept(db)).toEqual(everywhere(`${promised}`));
});

test("unfinished postings continue beside the deleted ones", async () => {
  await using db = await freshQueue();
  await postEnded(db, 100);
  const running = await postJobs(db, 100);
  const other = await postJobs(db, 1);
  const pool = await newPool(db);
  const ranges = await take(db, pool, { cap: 50 });
  await recordPart(db, pool, jobsOf(ranges).slice(0, 10), { state: "retried" });
  expect(await prune(db, all)).toMatchObject({ postings: 1 });
  expect(await brokenInvariants(db)).toEqual([]);
  expect((await kept(db))?.["posting"]).toBe(`${running} ${other}`);
  expect((await readLines(db, ranges)).flat()).toHaveLength(50);
  await record(db, pool, jobsOf(ranges).slice(10));
  await record(db, pool, jobsOf(await takeAll(db, pool)));
  await finishPostings(db, [running]);
  const open = await db.sql`select from pdoflow.posting where ended_at is null`;
  expect(open).toHaveLength(0);
});

test("the tables are small again, be their spans emptied or not", async () => {
  await using db = await freshQueue();
  const size = async () =>
    (
      await db.sql<{ bytes: number }[]>`
      select sum(pg_total_relation_size(oid))::integer as bytes from pg_class
      where relnamespace = 'pdoflow'::regnamespace and relkind = 'r'`
    )[0]?.bytes ?? 0;
  const before = await size();
  const stays = await postEnded(db, 5, { daysAgo: 0 });
  await postEnded(db, 100_000); // in its span
  await fillUp(db);
  await postEnded(db, 100_000); // in a span of its own
  const full = await size();
  const { bytes, jobs } = await prune(db, { ...all, olderThanMs: day });
  expect(jobs).toBe(200_000);
  expect(full - before).toBeGreaterThan(1_000_000);
  expect(Math.abs((await size()) - (full - bytes))).toBeLessThan(100_000);
  expect((await size()) - before).toBeLessThan(500_000);
  expect(await kept(db)).toEqual(everywhere(`${stays}`));
});

test("Z1: a prune that was killed shows no part of a posting, and the next one finishes it", async () => {
  await using db = await freshQueue();
  const states = "{finished,cancelled}";
  const first = await postEnded(db, 50);
  const running = await postJobs(db, 5);
  await db.sql`select pdoflow.prune_postings(0, 0, ${states}::pdoflow.posting_state[], 100)`;
  expect(await kept(db)).toMatchObject({
    posting: `${running}`,
    lane: `${running}`,
    pruned: `${first}`,
  });
  expect([...(await db.sql`select from pdoflow.job_status where posting_id = ${first}`)]).toEqual(
    [],
  );
  for (const done of [20, 20]) {
    expect(await db.sql`select pdoflow.prune_jobs(1, 20) as done`).toMatchObject([{ done }]);
  }
  expect(await prune(db, { ...all, olderThanMs: 1000 * day })).toMatchObject({ postings: 0 });
  expect(await kept(db)).toMatchObject({ job: `${running}`, outcome: null, pruned: null });
});

test("nor does a killed one leave anything of a span that it has just emptied", async () => {
  await using db = await freshQueue();
  await postManySingles(db, 20);
  const pool = await newPool(db);
  await record(db, pool, jobsOf(await takeAll(db, pool)));
  const states = "{finished,cancelled}";
  await db.sql`select pdoflow.prune_postings(0, 0, ${states}::pdoflow.posting_state[], 100)`;
  await db.sql`select pdoflow.empty_span(1)`;
  await prune(db, all);
  expect(await kept(db)).toEqual(everywhere(null));
});

test("Z2: a posting that has ended stays while an active lease contains it", async () => {
  await using db = await freshQueue();
  await postManySingles(db, 2);
  const pool = await newPool(db);
  const jobs = jobsOf(await takeAll(db, pool));
  expect(new Set(jobs.map(({ leaseId }) => leaseId)).size).toBe(1);
  await recordPart(db, pool, jobs.slice(0, 1));
  expect(await prune(db, all)).toMatchObject({ postings: 0 });
  expect(await putBack(db, pool, jobs)).toBe(1);
  expect(await prune(db, all)).toMatchObject({ postings: 1 });
  expect(await brokenInvariants(db)).toEqual([]);
});

test("many small postings beside one that runs", async () => {
  await using db = await freshQueue();
  await postManySingles(db, 3000);
  const pool = await newPool(db);
  await record(db, pool, jobsOf(await takeAll(db, pool)));
  const last = await postJobs(db, 1);
  expect((await spans(db))[0]?.end).toBeGreaterThan(last); // all are in one span with it
  await prune(db, all);
  expect(await kept(db)).toMatchObject({ posting: `${last}`, job: `${last}`, pruned: null });
});

test("a posting that is being posted is never cut off", async () => {
  await using db = await freshQueue();
  await postEnded(db, 100);
  const poster = connect(db.target, { connections: 1 });
  const [half, rest] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  async function* batches(): AsyncGenerator<JobBatch> {
    yield { args: ["[1]"] };
    yield { args: ["[2]"] }; // the transaction begins once there is more than one batch
    half.resolve();
    await rest.promise;
    yield { args: ["[3]"] };
  }
  const options = { entryPoint: "work.ts#main", priority: 0, osUser: "ada" };
  const posting = insertPosting(poster, options, batches(), "the test");
  await half.promise;
  expect(await prune(db, all)).toMatchObject({ postings: 1, busy: 1 });
  rest.resolve();
  const { id } = await posting;
  await poster.close();
  expect(await kept(db)).toMatchObject({ posting: `${id}` });
  expect(await prune(db, all)).toMatchObject({ postings: 0, busy: 0 });
  expect(await kept(db)).toMatchObject({ job: `${id}`, outcome: null, lease: null });
  expect(await brokenInvariants(db)).toEqual([]);
});

test("while a client reads, nothing is truncated, and nothing waits", async () => {
  await using db = await freshQueue();
  await postEnded(db, 100);
  await using reader = await openTransaction(db);
  await reader.sql`select count(*) from pdoflow.job`;
  const pool = await newPool(db);
  const pruning = prune(db, all);
  await using other = connect(db.target, { connections: 1 });
  // A waiter behind the reader would wait forever; on a busy machine a moment may take long.
  await other.sql`set lock_timeout = '5s'`;
  const state = { isDone: false };
  void pruning.finally(() => (state.isDone = true));
  let rounds = 0;
  while (!state.isDone) {
    const id = await postJobs(other, 2);
    const ranges = await take(other, pool);
    expect((await readLines(other, ranges)).flat()).toHaveLength(2);
    await record(other, pool, jobsOf(ranges));
    expect(jobsOf(ranges)[0]?.postingId).toBe(id);
    rounds += 1;
  }
  expect(rounds).toBeGreaterThan(5);
  // A span that is read by another is busy; one that was posted into before prune came is in use.
  const { postings, busy } = await pruning;
  expect([postings, busy === 1 || busy === 0]).toEqual([1, true]);
  await commit(reader);
  await reader.close();
  await prune(db, { ...all, olderThanMs: 0 });
  expect(await kept(db)).toEqual(everywhere(null));
});

test("an index is not rebuilt while someone reads: prune ends, and the next prune finishes", async () => {
  await using db = await freshQueue();
  await postEnded(db, 200);
  await postJobs(db, 1); // so that its span is not cut off
  await using reader = await openTransaction(db);
  await reader.sql`select count(*) from pdoflow.job`;
  expect(await prune(db, all)).toMatchObject({ postings: 1 });
  const halfBuilt = () => db.sql`select indexrelid::regclass from pg_index where not indisvalid`;
  expect((await halfBuilt()).length).toBeGreaterThan(0);
  await commit(reader);
  expect((await db.sql`show lock_timeout`)[0]).toEqual({ lockTimeout: "0" });
  await prune(db, { ...all, olderThanMs: 0 });
  expect([...(await halfBuilt())]).toEqual([]);
});

test("a span in which something was posted meanwhile is left as it is", async () => {
  await using db = await freshQueue();
  const id = await postJobs(db, 3);
  expect(await db.sql`select pdoflow.empty_span(1) as bytes`).toMatchObject([{ bytes: 0 }]);
  expect((await kept(db))?.["job"]).toBe(`${id}`);
});

test("of several prunes at once, each posting goes once", async () => {
  await using db = await freshQueue();
  for (let n = 0; n < 5; n++) await postEnded(db, 200);
  const stays = await postJobs(db, 1);
  const prunes = await Promise.all(
    [1, 2, 3].map(async () => {
      await using alone = connect(db.target, { connections: 1 });
      return await prune(alone, all);
    }),
  );
  expect(prunes.reduce((sum, { postings }) => sum + postings, 0)).toBe(5);
  expect(await kept(db)).toMatchObject({
    posting: `${stays}`,
    job: `${stays}`,
    outcome: null,
    pruned: null,
  });
});

test("pools that ended long ago go, unless a lease names them", async () => {
  await using db = await freshQueue();
  const running = await postJobs(db, 3);
  await newPool(db); // to be pruned
  const [named, up, young] = [await newPool(db), await newPool(db), await newPool(db)];
  await record(db, named, jobsOf(await take(db, named, { cap: 1 })));
  await db.sql`update pdoflow.pool set state = 'stopped' where id <> ${up}`;
  await db.sql`update pdoflow.pool set heartbeat_at = now() - interval '3 days' where id <> ${young}`;
  await prune(db, all);
  const pools = await db.sql<{ id: number }[]>`select id from pdoflow.pool order by number`;
  expect(pools.map(({ id }) => id)).toEqual([named, up, young]);
  expect((await kept(db))?.["posting"]).toBe(`${running}`);
});

test("the transaction that holds vacuum back is reported", async () => {
  await using db = await freshQueue();
  const old = await openTransaction(db);
  await old.sql`set transaction isolation level repeatable read`;
  const [row] = await old.sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  expect([...(await findVacuumBlockers(db))]).toEqual([]);
  // A connection that has just made this database may still be there.
  expect(await findVacuumBlockers(db, 0)).toContainEqual(
    expect.objectContaining({ kind: "session", name: `${row?.pid}` }),
  );
  await old.close();
});
