import { expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { finishPostings, finishStragglers } from "../../../src/db/engine/outcomes.ts";
import {
  queueOfFile,
  jobsOf,
  newPool,
  nth,
  postJobs,
  putBack,
  record,
  recordEach,
  recordElsewhere,
  recordPart,
  take,
  takeAll,
} from "../engine.ts";
import { commit, findDeadlocksSoon, openTransaction, until, untilBlocked } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

/** Two pools that have claimed half of the jobs of one posting each. */
async function halves(db: Db) {
  const id = await postJobs(db, 4);
  const [a, b] = [await newPool(db), await newPool(db)];
  const left = jobsOf(await take(db, a, { cap: 2 }));
  return { id, a, b, left, right: jobsOf(await take(db, b)) };
}

const endOf = async ({ sql }: Db) =>
  (await sql`select state, done, failed, ended_at is not null as ended from pdoflow.posting`)[0];

test("P2: of two pools that record the last outcomes at once, one ends it", async () => {
  await using db = await freshQueue();
  const { id, a, b, left, right } = await halves(db);
  await using one = await openTransaction(db);
  await using other = await openTransaction(db);
  await record(one, a, left);
  await record(other, b, right, { state: "failed" });
  await Promise.all([commit(one), commit(other)]);
  const ended = await Promise.all([finishPostings(one, [id]), finishPostings(other, [id])]);
  expect(ended.flat()).toEqual([id]);
  expect(await endOf(db)).toEqual({ state: "finished", done: 2, failed: 2, ended: true });
  expect(await brokenInvariants(db)).toEqual([]);
});

test("the second of two that finish waits for the first, and ends nothing", async () => {
  await using db = await freshQueue();
  const { id, a, b, left, right } = await halves(db);
  await record(db, a, left);
  await record(db, b, right);
  await using first = await openTransaction(db);
  expect(await finishPostings(first, [id])).toEqual([id]);
  const second = finishPostings(db, [id]);
  await untilBlocked(db);
  await commit(first);
  expect(await second).toEqual([]);
});

test("a posting does not end before the last outcomes of another pool are committed", async () => {
  await using db = await freshQueue();
  const { id, a, b, left, right } = await halves(db);
  await using one = await openTransaction(db);
  await record(one, a, left);
  await record(db, b, right);
  expect(await finishPostings(db, [id])).toEqual([]);
  expect(await endOf(db)).toEqual({ state: "open", done: 0, failed: 0, ended: false });
  await commit(one);
  expect(await finishPostings(db, [id])).toEqual([id]);
});

test("a posting does not end before its last job has, nor with a retry to come", async () => {
  await using db = await freshQueue();
  const { id, a, b, left, right } = await halves(db);
  expect(await finishPostings(db, [id])).toEqual([]);
  await record(db, a, left);
  await recordPart(db, b, right.slice(1));
  expect(await finishPostings(db, [id])).toEqual([]);
  await record(db, b, right.slice(0, 1), { state: "retried" });
  expect(await finishPostings(db, [id])).toEqual([]);
  await record(db, b, jobsOf(await take(db, b)));
  expect(await finishPostings(db, [id])).toEqual([id]);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("the end is notified once, when it is committed", async () => {
  await using db = await freshQueue();
  const told: string[] = [];
  await db.sql.listen("pdoflow.ended", (id) => told.push(id));
  const { id, a, b, left, right } = await halves(db);
  await record(db, a, left);
  await record(db, b, right);
  await using first = await openTransaction(db);
  await finishPostings(first, [id]);
  await db.sql`select pg_notify('pdoflow.ended', 'marker')`;
  await until("the marker has come", () => told.length === 1);
  await commit(first);
  await finishPostings(db, [id]);
  await db.sql`select pg_notify('pdoflow.ended', 'marker')`;
  await until("both have come", () => told.length === 3);
  expect(told).toEqual(["marker", String(id), "marker"]);
});

test("a posting left open by a pool that died after its last outcome is ended by another", async () => {
  await using db = await freshQueue();
  const { a, b, left, right } = await halves(db);
  await record(db, a, left);
  await record(db, b, right);
  await finishStragglers(db);
  expect(await endOf(db)).toMatchObject({ state: "finished", done: 4 });
});

test("that is done though thousands of older postings are far from their end", async () => {
  await using db = await freshQueue();
  const { id, a, b, left, right } = await halves(db);
  await db.sql`
    with old as (
      insert into pdoflow.posting (id, entry_point, job_count, route_id)
      select -n, 'old.ts#run', 2, 1 from generate_series(1, 3000) as n returning id)
    insert into pdoflow.progress (posting_id, done) select id, 1 from old`;
  await db.sql`vacuum analyze`;
  await record(db, a, left);
  await record(db, b, right);
  await finishStragglers(db);
  expect([...(await db.sql`select id from pdoflow.posting where state = 'finished'`)]).toEqual([
    { id },
  ]);
});

test("finishing many and a batch of their outcomes do not wait for each other", async () => {
  await using db = await freshQueue();
  await findDeadlocksSoon(db);
  const pool = await newPool(db);
  const [small, large] = [await postJobs(db, 1), await postJobs(db, 2)];
  await putBack(db, pool, await take(db, pool, { cap: 1 })); // so that the small one has progress
  const jobs = jobsOf(await takeAll(db, pool));
  await using blocker = await openTransaction(db);
  await recordElsewhere(blocker, nth(jobs, 0));
  await using recorder = await openTransaction(db);
  const ends = [{}, { state: "retried" }] as const; // the end of one posting, a retry of the other
  const recording = recordEach(recorder, pool, jobs, ends);
  await untilBlocked(db);
  const finishing = finishPostings(db, [small, large]);
  await untilBlocked(db, 2);
  await blocker.sql`rollback`;
  expect(await recording).toBe(0);
  await commit(recorder);
  expect(await finishing).toEqual([]);
});
