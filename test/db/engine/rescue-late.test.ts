// A pool that does not know yet that it was declared lost.
import { expect, test } from "bun:test";

import { connect } from "../../../src/db/connection/connect.ts";
import {
  hold,
  jobsOf,
  names,
  newPool,
  nth,
  outcomesOf,
  postJobs,
  putBack,
  queueOfFile,
  record,
  recordElsewhere,
  recordPart,
  reportRunning,
  rescue,
  silentPool,
  take,
  takeAll,
} from "../engine.ts";
import {
  commit,
  findDeadlocksSoon,
  openTransaction,
  untilBlocked,
  untilBlockedOrDone,
} from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

test("L2: later outcomes are refused and counted (O4)", async () => {
  await using db = await freshQueue();
  const { pool, jobs } = await silentPool(db, 3);
  await rescue(db);
  expect(await record(db, pool, jobs)).toBe(3);
  expect([...(await db.sql`select state, refused from pdoflow.pool`)]).toEqual([
    { state: "lost", refused: 3 },
  ]);
  expect(await outcomesOf(db)).toEqual([]);
});

test("U3: it does not end the job that another pool has by now", async () => {
  await using db = await freshQueue();
  const { pool, jobs } = await silentPool(db, 1);
  await rescue(db);
  const other = await newPool(db);
  const again = jobsOf(await take(db, other));
  expect(await record(db, pool, jobs, { state: "failed" })).toBe(1);
  expect(await record(db, other, again)).toBe(0);
  expect(await outcomesOf(db)).toMatchObject([{ attempt: 1, state: "done" }]);
});

test("L3: a rescue waits for outcomes that are being recorded, and keeps them", async () => {
  await using db = await freshQueue();
  const { pool, jobs } = await silentPool(db, 4);
  await reportRunning(db, pool, jobs);
  await using recording = await openTransaction(db);
  await recordPart(recording, pool, jobs.slice(0, 3));
  const rescuing = rescue(db);
  await untilBlocked(db);
  await commit(recording);
  await rescuing;
  expect((await outcomesOf(db)).map((o) => o["state"])).toEqual([
    "done",
    "done",
    "done",
    "retried",
  ]);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("O1: it gets no more jobs, because no pool would rescue them", async () => {
  await using db = await freshQueue();
  const { pool } = await silentPool(db, 1);
  await rescue(db);
  expect(await take(db, pool)).toEqual([]);
});

test("O1: jobs of a claim under way do not stay leased when it is declared lost", async () => {
  await using db = await freshQueue();
  const { pool } = await silentPool(db, 1);
  const second = await postJobs(db, 1);
  await using claiming = await openTransaction(db);
  await take(claiming, pool);
  const rescuing = rescue(db);
  await untilBlockedOrDone(db, rescuing);
  await commit(claiming);
  await rescuing;
  await rescue(db);
  expect(names(await takeAll(db, await newPool(db)))).toContain(`${second}/0`);
});

test("a partly refused record and a rescue do not wait for each other", async () => {
  await using db = await freshQueue();
  await findDeadlocksSoon(db);
  const { pool, id, jobs } = await silentPool(db, 2);
  const unknown = { ...nth(jobs, 1), leaseId: 99 };
  await using pausing = await openTransaction(db);
  await hold(pausing, id); // makes the record wait, after it has locked its lease
  await using recorder = await openTransaction(db);
  const recording = recordPart(recorder, pool, [nth(jobs, 0), unknown], { state: "retried" });
  await untilBlocked(db);
  expect(await rescue(db)).toEqual([]); // passes by a pool that is just recording
  await commit(pausing);
  expect(await recording).toBe(1);
  await commit(recorder);
  expect(await rescue(db)).toMatchObject([{ poolId: pool }]);
});

test("nor if the lease is active, and a job of it was released", async () => {
  await using db = await freshQueue();
  await findDeadlocksSoon(db);
  const { pool, jobs } = await silentPool(db, 2);
  await putBack(db, pool, jobs, jobs.slice(0, 1));
  await using blocker = await openTransaction(db);
  await recordElsewhere(blocker, nth(jobs, 0));
  await using other = connect(db.target, { connections: 1 });
  const recording = recordPart(other, pool, jobs); // holds its lease, and waits for the blocker
  await untilBlocked(db);
  const rescuing = rescue(db);
  await untilBlocked(db, 2);
  await blocker.sql`rollback`;
  const [refused, rescued] = await Promise.all([recording, rescuing]);
  expect(refused).toBe(1);
  expect(rescued).toMatchObject([{ poolId: pool, jobs: 0 }]);
  expect(await brokenInvariants(db)).toEqual([]);
});
