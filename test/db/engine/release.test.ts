import { describe, expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { finishStragglers } from "../../../src/db/engine/outcomes.ts";
import { sendHeartbeat } from "../../../src/db/engine/pools.ts";
import { releaseUnknown } from "../../../src/db/engine/release.ts";
import {
  cancel,
  hold,
  jobsOf,
  leased,
  newPool,
  nth,
  postJobs,
  postSingles,
  putBack,
  queueOfFile,
  record,
  recordPart,
  take,
  takeAll,
} from "../engine.ts";
import { commit, openTransaction, untilBlocked } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

/** The retries: from, up to before, attempt. */
const waiting = async ({ sql }: Db) =>
  (
    await sql<{ firstSeq: number; endSeq: number; attempt: number }[]>`
      select first_seq, end_seq, attempt from pdoflow.retry order by posting_id, first_seq`
  ).map(({ firstSeq, endSeq, attempt }) => [firstSeq, endSeq, attempt]);

const isActive = async ({ sql }: Db) =>
  (await sql<{ active: boolean }[]>`select active from pdoflow.lease order by id`).map(
    (l) => l.active,
  );

describe("releasing", () => {
  test("L3: is all that has not ended, in few ranges, its attempt unused", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 8);
    await recordPart(db, pool, [nth(jobs, 0), nth(jobs, 3), nth(jobs, 4), nth(jobs, 7)]);
    expect(await putBack(db, pool, jobs)).toBe(4);
    expect(await waiting(db)).toEqual([
      [1, 3, 1],
      [5, 7, 1],
    ]);
    expect(await isActive(db)).toEqual([false]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("releases everything except for the kept jobs, which the lease lists in few ranges", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 8);
    const keep = [6, 1, 2, 0, 5].map((place) => nth(jobs, place)); // in any order
    expect(await putBack(db, pool, jobs, keep)).toBe(3);
    expect(await waiting(db)).toEqual([
      [3, 5, 1],
      [7, 8, 1],
    ]);
    expect([
      ...(await db.sql`select first_seqs::text, end_seqs::text, active from pdoflow.lease`),
    ]).toEqual([{ firstSeqs: "{0,5}", endSeqs: "{3,7}", active: true }]);
    await record(db, pool, keep);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("is claimed again with the same attempt, and then runs to its end", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await leased(db, 3);
    await recordPart(db, pool, jobs.slice(0, 1), { state: "retried" });
    await putBack(db, pool, jobs);
    const again = jobsOf(await take(db, pool));
    await putBack(db, pool, again);
    expect(await brokenInvariants(db)).toEqual([]);
    expect(await waiting(db)).toEqual([
      [0, 1, 2],
      [1, 3, 1],
    ]);
    const last = jobsOf(await take(db, pool));
    await recordPart(db, pool, last.slice(1));
    await record(db, pool, last.slice(0, 1));
    await finishStragglers(db);
    expect([...(await db.sql`select id, state, done from pdoflow.posting`)]).toEqual([
      { id, state: "finished", done: 3 },
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("of many postings that were taken whole, is each by itself", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postSingles(db, 2);
    await postJobs(db, 3);
    const jobs = jobsOf(await take(db, pool));
    await record(db, pool, []);
    await recordPart(db, pool, [nth(jobs, 0), nth(jobs, 3)]);
    expect(await putBack(db, pool, jobs)).toBe(3);
    expect(await waiting(db)).toEqual([
      [0, 1, 1],
      [0, 1, 1],
      [2, 3, 1],
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("keeps its priority", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 2, { priorities: [3, -3] });
    await putBack(db, pool, await takeAll(db, pool));
    const retries = await db.sql`select first_seq, priority from pdoflow.retry order by first_seq`;
    expect([...retries]).toEqual([
      { firstSeq: 0, priority: 3 },
      { firstSeq: 1, priority: -3 },
    ]);
  });

  test("Y2: of a paused posting, waits until that is resumed", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await leased(db, 2);
    await hold(db, id);
    await putBack(db, pool, jobs);
    expect(await take(db, pool)).toEqual([]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("P3: of a cancelled posting, is cancelled, and the posting ends", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await leased(db, 3);
    await cancel(db, id);
    await recordPart(db, pool, jobs.slice(0, 1));
    await putBack(db, pool, jobs);
    await finishStragglers(db);
    expect([...(await db.sql`select state, done, cancelled from pdoflow.posting`)]).toEqual([
      { state: "cancelled", done: 1, cancelled: 2 },
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("releases nothing if the lease belongs to another pool, or has ended", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 2);
    expect(await putBack(db, await newPool(db), jobs)).toBe(0);
    expect(await putBack(db, pool, jobs)).toBe(2);
    expect(await putBack(db, pool, jobs)).toBe(0);
    expect(await waiting(db)).toEqual([[0, 2, 1]]);
  });
});

describe("keeping", () => {
  test("L2: stays leased, and its outcomes are taken", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 6);
    const kept = [nth(jobs, 0), nth(jobs, 3)];
    expect(await putBack(db, pool, jobs, kept)).toBe(4);
    expect(await waiting(db)).toEqual([
      [1, 3, 1],
      [4, 6, 1],
    ]);
    expect(await isActive(db)).toEqual([true]);
    expect(await brokenInvariants(db)).toEqual([]);
    expect(await record(db, pool, kept)).toBe(0);
    expect(await isActive(db)).toEqual([false]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("of two leases, is kept of the one that it is of", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 6);
    const jobs = jobsOf(await takeAll(db, pool, { cap: 3 }));
    expect(await putBack(db, pool, jobs, [nth(jobs, 4)])).toBe(5);
    expect(await isActive(db)).toEqual([false, true]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("can be released later", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 3);
    await putBack(db, pool, jobs, jobs.slice(1, 2));
    expect(await putBack(db, pool, jobs)).toBe(1);
    expect(await isActive(db)).toEqual([false]);
    expect(await waiting(db)).toEqual([
      [0, 1, 1],
      [1, 2, 1],
      [2, 3, 1],
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("L1: the lane goes on behind all that the lease had taken", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 6);
    const jobs = jobsOf(await take(db, pool, { cap: 4 }));
    await putBack(db, pool, jobs, jobs.slice(0, 1));
    const again = await takeAll(db, pool);
    expect(again.map(({ firstSeq, endSeq }) => [firstSeq, endSeq])).toEqual([
      [1, 4],
      [4, 6],
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
  });
});

test("L3: a repeated call that is late keeps no job that another one has released", async () => {
  await using db = await freshQueue();
  const { pool, jobs } = await leased(db, 3);
  await using later = await openTransaction(db);
  await putBack(later, pool, jobs, jobs.slice(0, 1));
  const earlier = putBack(db, pool, jobs, jobs.slice(0, 2));
  await untilBlocked(db);
  await commit(later);
  expect(await earlier).toBe(0);
  expect(await brokenInvariants(db)).toEqual([]);
});

describe("leases that a pool does not know", () => {
  test("are released, and there may be more while a claim is under way", async () => {
    await using db = await freshQueue();
    const { pool, id } = await leased(db, 1);
    await postJobs(db, 1);
    await using claiming = await openTransaction(db);
    await take(claiming, pool);
    expect(await releaseUnknown(db, pool, [])).toBe(false);
    expect((await db.sql`select from pdoflow.retry where posting_id = ${id}`).length).toBe(1);
    await commit(claiming);
    expect(await releaseUnknown(db, pool, [])).toBe(true);
    expect(await isActive(db)).toEqual([false, false]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("a heartbeat does not wait until they are released", async () => {
    await using db = await freshQueue();
    const { pool, id } = await leased(db, 1);
    await using pausing = await openTransaction(db);
    await hold(pausing, id);
    const released = releaseUnknown(db, pool, []);
    await untilBlocked(db);
    expect(await sendHeartbeat(db, pool, [])).toMatchObject({ isUp: true });
    await commit(pausing);
    expect(await released).toBe(true);
  });
});

describe("while outcomes of the lease are being recorded", () => {
  test("L3: releasing waits, and leaves out recorded jobs", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 6);
    await using recording = await openTransaction(db);
    await recordPart(recording, pool, jobs.slice(0, 4));
    const back = putBack(db, pool, jobs);
    await untilBlocked(db);
    await commit(recording);
    expect(await back).toBe(2);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("releasing takes all jobs if the recording is rolled back", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 6);
    const recording = await openTransaction(db);
    await recordPart(recording, pool, jobs.slice(0, 4));
    const back = putBack(db, pool, jobs);
    await untilBlocked(db);
    await recording.close();
    expect(await back).toBe(6);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("L2: an outcome waits for releasing, and is refused", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 6);
    await using giving = await openTransaction(db);
    await putBack(giving, pool, jobs);
    const recording = recordPart(db, pool, jobs);
    await untilBlocked(db);
    await commit(giving);
    expect(await recording).toBe(6);
    expect(await brokenInvariants(db)).toEqual([]);
  });
});
