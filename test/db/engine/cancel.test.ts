import { expect, test } from "bun:test";

import { noJobs } from "../../../src/domain/states.ts";
import { connect } from "../../../src/db/connection/connect.ts";
import { cancelPostings } from "../../../src/db/engine/control.ts";
import { finishStragglers } from "../../../src/db/engine/outcomes.ts";
import { readCounts } from "../../../src/db/read/status.ts";
import {
  cancel,
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
  rescue,
  silence,
  take,
  takeAll,
} from "../engine.ts";
import { commit, findDeadlocksSoon, openTransaction, until, untilBlocked } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

test("ends a posting at once if no job of it runs, and says so", async () => {
  await using db = await freshQueue();
  const ended: string[] = [];
  await db.sql.listen("pdoflow.ended", (id) => ended.push(id));
  const id = await postJobs(db, 5, { priorities: [1, 1, 0, 0, -1] });
  await cancel(db, id);
  expect([...(await db.sql`select state, reason, cancelled from pdoflow.posting`)]).toEqual([
    { state: "cancelled", reason: "why", cancelled: 5 },
  ]);
  expect(await takeAll(db, await newPool(db))).toEqual([]);
  await until("the end is notified", () => ended.length === 1);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("counts waiting jobs and retries, and leaves running jobs", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const id = await postJobs(db, 10);
  const jobs = jobsOf(await take(db, pool, { cap: 6 }));
  await recordPart(db, pool, jobs.slice(0, 1));
  await recordPart(db, pool, jobs.slice(1, 3), { state: "retried" });
  await putBack(db, pool, jobs, jobs.slice(3, 5));
  await cancel(db, id);
  expect(await readCounts(db, [id])).toEqual(
    new Map([[id, { ...noJobs, running: 2, done: 1, cancelled: 7 }]]),
  );
  expect(await brokenInvariants(db)).toEqual([]);
  await record(db, pool, jobs.slice(3, 5), { state: "failed" });
  await finishStragglers(db);
  expect([...(await db.sql`select state, done, failed, cancelled from pdoflow.posting`)]).toEqual([
    { state: "cancelled", done: 1, failed: 2, cancelled: 7 },
  ]);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("P3: a cancelled posting has not ended before its last running job has", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const id = await postJobs(db, 3);
  const jobs = jobsOf(await take(db, pool));
  await cancel(db, id);
  const hasEnded = async () =>
    (await db.sql`select ended_at is not null as ended from pdoflow.posting`)[0]?.["ended"];
  expect(await hasEnded()).toBe(false);
  await recordPart(db, pool, jobs.slice(0, 1));
  await finishStragglers(db);
  expect(await hasEnded()).toBe(false);
  await putBack(db, pool, jobs);
  await finishStragglers(db);
  expect(await hasEnded()).toBe(true);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("does nothing to postings that have ended or were cancelled before", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const [done, cancelled] = [await postJobs(db, 1), await postJobs(db, 2)];
  await record(db, pool, jobsOf(await take(db, pool, { cap: 1 })));
  await take(db, pool, { cap: 1 }); // runs on, so that the second has not ended
  await cancel(db, cancelled);
  const [row] = await db.sql`
    select pdoflow.cancel(array[${done}, ${cancelled}]::bigint[], false, 'again')::text as ids`;
  expect(row).toEqual({ ids: "{}" });
  expect([...(await db.sql`select state, kills_running from pdoflow.posting order by id`)]).toEqual(
    [
      { state: "finished", killsRunning: true },
      { state: "cancelled", killsRunning: true },
    ],
  );
});

test("N2: waits for a claim, and counts the rest", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const id = await postJobs(db, 10);
  await using claiming = await openTransaction(db);
  const jobs = jobsOf(await take(claiming, pool, { cap: 4 }));
  const cancelling = cancel(db, id);
  await untilBlocked(db);
  await commit(claiming);
  await cancelling;
  expect(await readCounts(db, [id])).toEqual(
    new Map([[id, { ...noJobs, running: 4, cancelled: 6 }]]),
  );
  await record(db, pool, jobs);
  await finishStragglers(db);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("N2: a claim that comes while it happens takes nothing", async () => {
  await using db = await freshQueue();
  const id = await postJobs(db, 10);
  await using cancelling = await openTransaction(db);
  await cancel(cancelling, id);
  const claiming = take(db, await newPool(db));
  await untilBlocked(db);
  await commit(cancelling);
  expect(await claiming).toEqual([]);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("waits for a claim of a part of a retry, and counts the other part", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const id = await postJobs(db, 10);
  await putBack(db, pool, await take(db, pool));
  await using claiming = await openTransaction(db);
  await take(claiming, pool, { cap: 3 });
  const cancelling = cancel(db, id);
  await untilBlocked(db);
  await commit(claiming);
  await cancelling;
  expect(await readCounts(db, [id])).toEqual(
    new Map([[id, { ...noJobs, running: 3, cancelled: 7 }]]),
  );
  expect(await brokenInvariants(db)).toEqual([]);
});

test("of many postings and a batch of their outcomes do not wait for each other", async () => {
  await using db = await freshQueue();
  await findDeadlocksSoon(db);
  const pool = await newPool(db);
  const [small, large] = [await postJobs(db, 1), await postJobs(db, 2)];
  const jobs = jobsOf(await takeAll(db, pool));
  const blocker = await openTransaction(db);
  await recordElsewhere(blocker, nth(jobs, 0));
  await using recorder = await openTransaction(db);
  // The end of one posting, and a retry of the other.
  const ends = [{}, { state: "retried" }] as const;
  const recording = recordEach(recorder, pool, jobs, ends);
  await untilBlocked(db);
  const cancelling = cancelPostings(db, [small, large], { killsRunning: true, reason: "why" });
  await untilBlocked(db, 2);
  await blocker.close();
  expect(await recording).toBe(0);
  await commit(recorder);
  await cancelling;
  expect(await brokenInvariants(db)).toEqual([]);
});

test("of many and a rescue do not wait for each other", async () => {
  await using db = await freshQueue();
  await findDeadlocksSoon(db);
  const pool = await newPool(db);
  const [waits, runs] = [await postJobs(db, 2), await postJobs(db, 2)];
  const jobs = jobsOf(await takeAll(db, pool, { cap: 2 })); // a lease of each
  await silence(db, pool);
  await db.sql`
    update pdoflow.pool set running = ${db.sql.json([{ posting: runs, seq: 0, attempt: 1 }])}`;
  await using recording = await openTransaction(db); // holds the lease that the rescue releases
  await recordPart(recording, pool, jobs.slice(0, 1));
  const rescuing = rescue(db);
  await untilBlocked(db);
  await using other = connect(db.target, { connections: 1 });
  const cancelling = cancelPostings(other, [waits, runs], { killsRunning: true, reason: "why" });
  await commit(recording);
  const [rescued, cancelled] = await Promise.all([rescuing, cancelling]);
  expect(rescued).toMatchObject([{ poolId: pool }]);
  expect(cancelled).toEqual([waits, runs]);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("of many and a rescue of two pools do not wait for each other", async () => {
  await using db = await freshQueue();
  await findDeadlocksSoon(db);
  const [early, late] = [await postJobs(db, 2), await postJobs(db, 2, { priority: 1 })];
  const [first, second] = [await newPool(db), await newPool(db)];
  await take(db, first, { cap: 2 }); // the first pool has the late posting
  const jobs = jobsOf(await take(db, second, { cap: 2 }));
  await silence(db, first);
  await silence(db, second);
  await using recording = await openTransaction(db); // the rescue waits, with the first pool done
  await recordPart(recording, second, jobs.slice(0, 1));
  const rescuing = rescue(db);
  await untilBlocked(db);
  await using other = connect(db.target, { connections: 1 });
  const why = { killsRunning: true, reason: "why" };
  expect(await cancelPostings(other, [early, late], why)).toEqual([early, late]);
  await commit(recording);
  expect(await rescuing).toHaveLength(2);
});
