// At most N running jobs, at most N starts in a period (P5, M1).
import { expect, test } from "bun:test";

import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { setLimits, setPriority } from "../../../src/db/engine/control.ts";
import { claim } from "../../../src/db/engine/leases.ts";
import { foldProgress } from "../../../src/db/engine/outcomes.ts";
import {
  allRoutes,
  jobsOf,
  names,
  newPool,
  nth,
  postJobs,
  postSingles,
  putBack,
  queueOfFile,
  record,
  recordPart,
  take,
} from "../engine.ts";
import { commit, openTransaction, untilBlocked } from "../locks.ts";

const emptyQueue = queueOfFile();

/** Everything that a claim says, as a pool with 100 idle workers asks. */
async function ask(db: Db, poolId: number, cap = 100, skip: readonly number[] = []) {
  const all = { oldest: false, sizes: [], share: 1, slackMs: 1 };
  return await claim(db, { poolId, cap, skip, ...all, routes: await allRoutes(db) });
}

test("P5: no more jobs are leased than may run, by all pools together", async () => {
  await using db = await emptyQueue();
  const id = await postJobs(db, 10, { maxRunning: 3 });
  const [first, second] = [await newPool(db), await newPool(db)];
  const jobs = jobsOf(await take(db, first, { cap: 2 }));
  expect(jobs).toHaveLength(2);
  expect(names(await take(db, second))).toEqual([`${id}/2`]);
  const full = await ask(db, second);
  expect(full).toMatchObject({ ranges: [], limited: [{ postingId: id, waitMs: 100 }] });
});

test("P5: one job can be claimed for each that has ended", async () => {
  await using db = await emptyQueue();
  await postJobs(db, 10, { maxRunning: 3 });
  const pool = await newPool(db);
  const jobs = jobsOf(await take(db, pool));
  await recordPart(db, pool, jobs.slice(0, 1));
  expect(jobsOf(await take(db, pool))).toHaveLength(1);
  await putBack(db, pool, jobs, jobs.slice(1, 2));
  expect(jobsOf(await take(db, pool))).toHaveLength(1); // the one that was released
});

test("P5: a job that is tried again counts", async () => {
  await using db = await emptyQueue();
  await postJobs(db, 10, { maxRunning: 2 });
  const pool = await newPool(db);
  await record(db, pool, jobsOf(await take(db, pool)), { state: "retried" });
  const again = jobsOf(await take(db, pool));
  expect(again.map(({ seq, attempt }) => [seq, attempt])).toEqual([
    [0, 2],
    [1, 2],
  ]);
  expect(await take(db, pool)).toEqual([]);
});

test("P5: of many pools at the same moment, together", async () => {
  await using db = await emptyQueue();
  const priorities = Array.from({ length: 40 }, (_, index) => index);
  await postJobs(db, 40, { maxRunning: 5, priorities }); // 40 lanes: no lock in common
  const pool = await newPool(db);
  await using crowd = connect(db.target, { connections: 8 });
  const claims = Array.from({ length: 16 }, () => take(crowd, pool, { cap: 1 }));
  expect((await Promise.all(claims)).flat()).toHaveLength(5);
});

test("P5: of two claims of retries, the second waits for the first", async () => {
  await using db = await emptyQueue();
  const pool = await newPool(db);
  await postJobs(db, 2, { maxRunning: 1 });
  for (let n = 0; n < 2; n++) {
    await record(db, pool, jobsOf(await take(db, pool)), { state: "retried", delayMs: 60_000 });
  }
  await db.sql`update pdoflow.retry set due_at = now()`;
  await using first = await openTransaction(db);
  expect(jobsOf(await take(first, pool))).toHaveLength(1);
  await using other = connect(db.target, { connections: 1 });
  const second = take(other, pool); // no row of the first is in its way
  await untilBlocked(db);
  await commit(first);
  expect(await second).toEqual([]);
});

test("P5: a posting at its limit is skipped, and others are claimed", async () => {
  await using db = await emptyQueue();
  const pool = await newPool(db);
  const limited = await postJobs(db, 5, { maxRunning: 1, priority: 9 });
  const free = await postJobs(db, 5);
  expect(names(await take(db, pool))).toEqual([`${limited}/0`]);
  const { ranges, limited: passed } = await ask(db, pool);
  expect(ranges.map(({ postingId }) => postingId)).toEqual([free]);
  expect(passed.map(({ postingId }) => postingId)).toEqual([limited]);
});

test("P5: nor is it looked at while it is known to be at its limit", async () => {
  await using db = await emptyQueue();
  const pool = await newPool(db);
  const limited = await postJobs(db, 5, { maxRunning: 1, priority: 9 });
  await postJobs(db, 5);
  const { ranges, limited: passed } = await ask(db, pool, 100, [limited]);
  expect([ranges.length, passed.length]).toEqual([1, 0]);
});

test("P5: its retries do not hide the retries of others", async () => {
  await using db = await emptyQueue();
  const pool = await newPool(db);
  await postJobs(db, 2, { maxRunning: 1, priority: 9 });
  const other = await postJobs(db, 1, { priority: 9 });
  const [job] = jobsOf(await take(db, pool));
  const ended = jobsOf(await take(db, pool));
  await record(db, pool, job ? [job] : [], { state: "retried" });
  await take(db, pool);
  await record(db, pool, ended, { state: "retried" });
  expect(names(await take(db, pool))).toEqual([`${other}/0`]);
});

test("P5: one posting with limits is not claimed whole with those behind it", async () => {
  await using db = await emptyQueue();
  const pool = await newPool(db);
  const [first] = await postSingles(db, 1);
  const limited = await postJobs(db, 3, { maxRunning: 1 });
  const [last] = await postSingles(db, 1);
  expect(names(await take(db, pool))).toEqual([`${first}/0`, `${last}/0`]);
  expect(names(await take(db, pool))).toEqual([`${limited}/0`]);
});

test("L4: for jobs of unknown duration, one per idle worker", async () => {
  await using db = await emptyQueue();
  await postJobs(db, 100, { maxRunning: 50 });
  expect(jobsOf(await take(db, await newPool(db), { cap: 4 }))).toHaveLength(4);
});

test("L4: jobs known to be short are leased by the many, and the lease says how many run", async () => {
  await using db = await emptyQueue();
  const id = await postJobs(db, 100, { maxRunning: 3 });
  const [first, second] = [await newPool(db), await newPool(db)];
  const sizes = [{ entryPoint: "work.ts#main", cap: 60, floor: 1 }];
  const want = { oldest: false, share: 1, routes: await allRoutes(db), sizes };
  const { ranges } = await claim(db, { poolId: first, cap: 2, ...want });
  const jobs = jobsOf(ranges);
  expect([jobs.length, nth(ranges, 0).runningLimit]).toEqual([60, 2]);
  const other = await claim(db, { poolId: second, cap: 4, ...want });
  expect([jobsOf(other.ranges).length, nth(other.ranges, 0).runningLimit]).toEqual([40, 1]);
  const status = await db.sql`select running, waiting from pdoflow.status(${id})`;
  expect([...status]).toEqual([{ running: 3, waiting: 97 }]);
  await record(db, second, jobsOf(other.ranges), { state: "retried" });
  const third = await claim(db, { poolId: second, cap: 4, ...want });
  expect(nth(third.ranges, 0).runningLimit).toBe(1); // two of the other lease may run
  await recordPart(db, first, jobs.slice(0, 59));
  await record(db, second, jobsOf(third.ranges), { state: "retried" });
  const fourth = await claim(db, { poolId: second, cap: 4, ...want });
  expect(nth(fourth.ranges, 0).runningLimit).toBe(2); // and one is left in it
});

test("M1: no more are claimed in a second than may start in it", async () => {
  await using db = await emptyQueue();
  const id = await postJobs(db, 100, { maxRate: "10/s" });
  const pool = await newPool(db);
  const jobs = jobsOf(await take(db, pool));
  await record(db, pool, jobs);
  const [full] = (await ask(db, pool)).limited;
  expect(jobs).toHaveLength(10);
  expect(full?.postingId).toBe(id);
  expect(full?.waitMs).toBeWithin(1, 1_101);
});

test("M1: and once they can't start within a second of it any more, others are", async () => {
  await using db = await emptyQueue();
  await postJobs(db, 100, { maxRate: "10/s" });
  const pool = await newPool(db);
  await take(db, pool, { cap: 4 });
  await db.sql`update pdoflow.permit set starts_by = clock_timestamp() - interval '1.1 s'`;
  await take(db, pool, { cap: 8 });
  expect(jobsOf(await take(db, pool))).toHaveLength(2);
});

test("M1: jobs that may still start count until a second after", async () => {
  await using db = await emptyQueue();
  await postJobs(db, 100, { maxRate: "10/s" });
  const pool = await newPool(db);
  await take(db, pool, { slackMs: 5_000 });
  const { limited } = await ask(db, pool);
  expect(nth(limited, 0).waitMs).toBeWithin(5_000, 6_001);
});

test("M1: of many pools at the same moment, together", async () => {
  await using db = await emptyQueue();
  const priorities = Array.from({ length: 40 }, (_, index) => index);
  await postJobs(db, 40, { maxRate: "7/m", priorities });
  const pool = await newPool(db);
  await using crowd = connect(db.target, { connections: 8 });
  const claims = Array.from({ length: 16 }, () => take(crowd, pool, { cap: 1 }));
  expect((await Promise.all(claims)).flat()).toHaveLength(7);
});

test("M1: permits that count no more are deleted with the housekeeping", async () => {
  await using db = await emptyQueue();
  await postJobs(db, 9, { maxRate: "4/s" });
  await postJobs(db, 9, { maxRate: "4/h" });
  const pool = await newPool(db);
  await take(db, pool);
  await take(db, pool);
  await db.sql`update pdoflow.permit set starts_by = clock_timestamp() - interval '61 s'`;
  await foldProgress(db);
  const left = await db.sql`select jobs, rate_ms from pdoflow.permit join pdoflow.posting
    on id = posting_id`;
  expect([...left]).toEqual([{ jobs: 4, rateMs: 3_600_000 }]);
});

test("P5: a posting that gets a limit while a claim waits for its lane is claimed within it", async () => {
  await using db = await emptyQueue();
  const [pool, id] = [await newPool(db), await postJobs(db, 2)];
  await using operator = await openTransaction(db);
  await setPriority(operator, [id], 1); // locks the lane
  const claim = take(db, pool);
  await untilBlocked(db);
  await setLimits(operator, [id], { maxRunning: 1 });
  await commit(operator);
  expect(names(await claim)).toEqual([`${id}/0`]);
});
