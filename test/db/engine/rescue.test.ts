import { describe, expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { finishStragglers } from "../../../src/db/engine/outcomes.ts";
import {
  cancel,
  hold,
  jobsOf,
  names,
  newPool,
  numberOf,
  outcomesOf,
  postJobs,
  queueOfFile,
  record,
  recordPart,
  reportRunning,
  rescue,
  silence,
  silentPool,
  take,
  takeAll,
} from "../engine.ts";
import { commit, openTransaction } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

describe("which pools", () => {
  test("O3: only pools whose last heartbeat is older than their heartbeat timeout", async () => {
    await using db = await freshQueue();
    const [impatient, patient] = [await newPool(db), await newPool(db)];
    await postJobs(db, 2);
    await take(db, impatient, { cap: 1 });
    await take(db, patient);
    await db.sql`update pdoflow.pool set heartbeat_at = now() - interval '10 s'`;
    await db.sql`update pdoflow.pool set heartbeat_timeout_ms = 9000 where id = ${impatient}`;
    expect(await rescue(db)).toEqual([{ poolId: impatient, host: "here", jobs: 1, failed: 0 }]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("O1: neither stopped pools nor pools that were rescued before", async () => {
    await using db = await freshQueue();
    const [stopped, lost] = [await newPool(db), await newPool(db)];
    await db.sql`update pdoflow.pool set heartbeat_at = now() - interval '1 day'`;
    await db.sql`update pdoflow.pool set state = 'stopped' where id = ${stopped}`;
    expect(await rescue(db)).toMatchObject([{ poolId: lost }]);
    expect(await rescue(db)).toEqual([]);
  });

  test("draining pools also", async () => {
    await using db = await freshQueue();
    const { pool } = await silentPool(db, 3);
    await db.sql`update pdoflow.pool set state = 'draining'`;
    expect(await rescue(db)).toEqual([{ poolId: pool, host: "lost-host", jobs: 3, failed: 0 }]);
  });

  test("each by only one of several concurrent rescuers", async () => {
    await using db = await freshQueue();
    const { pool } = await silentPool(db, 3);
    await using first = await openTransaction(db);
    expect(await rescue(first)).toMatchObject([{ poolId: pool, jobs: 3 }]);
    expect(await rescue(db)).toEqual([]);
    await commit(first);
    expect(await rescue(db)).toEqual([]);
    expect(await brokenInvariants(db)).toEqual([]);
  });
});

describe("the jobs of a rescued pool", () => {
  test("L3: those without an outcome wait again, with their attempt unused", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await silentPool(db, 4);
    await recordPart(db, pool, jobs.slice(0, 1));
    await rescue(db);
    const again = await take(db, await newPool(db));
    expect(again).toMatchObject([{ firstSeq: 1, endSeq: 4, attempt: 1 }]);
    expect(await outcomesOf(db)).toEqual([{ seq: 0, attempt: 1, state: "done", error: null }]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("jobs that it was known to run have used up their attempt", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await silentPool(db, 4);
    await reportRunning(db, pool, jobs.slice(1, 3));
    expect(await rescue(db)).toMatchObject([{ jobs: 4 }]);
    expect(await outcomesOf(db)).toEqual([
      { seq: 1, attempt: 1, state: "retried", error: "PoolLost" },
      { seq: 2, attempt: 1, state: "retried", error: "PoolLost" },
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
    await db.sql`update pdoflow.retry set due_at = now()`;
    const attempts = jobsOf(await takeAll(db, await newPool(db))).map((j) => [j.seq, j.attempt]);
    expect(new Map(attempts as [number, number][])).toEqual(
      new Map([
        [0, 1],
        [1, 2],
        [2, 2],
        [3, 1],
      ]),
    );
  });

  test("jobs that it was known to run for the last time have failed, and say why", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await silentPool(db, 1, 1);
    await reportRunning(db, pool, jobs);
    expect(await rescue(db)).toMatchObject([{ jobs: 1, failed: 1 }]);
    await finishStragglers(db);
    const [row] = await db.sql`select error from pdoflow.outcome`;
    expect(row?.["error"]).toEqual({
      name: "PoolLost",
      message: `pool ${await numberOf(db, pool)} on lost-host (pid 1) was lost while it ran this job`,
    });
    expect([...(await db.sql`select state, failed from pdoflow.posting`)]).toEqual([
      { state: "finished", failed: 1 },
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("R2: those of a run have used no attempt, because only a person goes on with it", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 2, { maxAttempts: 1, run: "this-run" });
    const [route] = await db.sql<{ id: number }[]>`select id from pdoflow.route`;
    const routes = [route?.id ?? 0];
    for (const lost of [1, 2, 3]) {
      const by = lost === 1 ? pool : await newPool(db);
      const jobs = jobsOf(await take(db, by, { routes }));
      await reportRunning(db, by, jobs);
      await silence(db, by);
      const failed = lost < 3 ? 0 : 1; // Y3: alone with each of three pools, it has killed them
      expect(await rescue(db)).toMatchObject([{ jobs: lost < 3 ? 2 : 1, failed }]);
    }
    expect(await outcomesOf(db)).toMatchObject([{ attempt: 1, error: "PoolLost" }]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("jobs have ended with the last heartbeat, and took the time that it reported", async () => {
    await using db = await freshQueue();
    const { jobs } = await silentPool(db, 2);
    const [first, second] = jobs.map(({ postingId, seq, attempt }) => ({
      ...{ posting: postingId, seq, attempt },
    }));
    const running = [{ ...first, ms: 1500 }, { ...first, ms: 1400 }, second];
    await db.sql`update pdoflow.pool set running = ${JSON.stringify(running)}::text::jsonb`;
    expect(await rescue(db)).toMatchObject([{ jobs: 2, failed: 0 }]);
    const ended = await db.sql`
      select seq, duration_ms, abs(extract(epoch from o.ended_at - p.heartbeat_at)) < 1 as is_then
      from pdoflow.outcome o, pdoflow.pool p order by seq`;
    expect([...ended]).toEqual([
      { seq: 0, durationMs: 1500, isThen: true },
      { seq: 1, durationMs: 0, isThen: true },
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("a job that was known to run, and then ended, keeps its outcome", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await silentPool(db, 2);
    await reportRunning(db, pool, jobs);
    await recordPart(db, pool, jobs.slice(0, 1));
    await rescue(db);
    expect(await outcomesOf(db)).toMatchObject([{ state: "done" }, { state: "retried" }]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("a reported job that it has not leased is ignored", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await silentPool(db, 2);
    await record(db, pool, jobs.slice(0, 1), { state: "retried" });
    await reportRunning(db, pool, jobs.slice(0, 1));
    await rescue(db);
    expect(await outcomesOf(db)).toMatchObject([{ seq: 0, attempt: 1, error: null }]);
  });

  test("a reported job with an earlier attempt than the leased one is ignored", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 2);
    const jobs = jobsOf(await take(db, pool));
    await reportRunning(db, pool, jobs.slice(0, 1));
    await recordPart(db, pool, jobs.slice(0, 1), { state: "retried", error: "{}" });
    await take(db, pool);
    await silence(db, pool);
    expect(await rescue(db)).toMatchObject([{ jobs: 2 }]);
    expect(await outcomesOf(db)).toMatchObject([{ seq: 0, attempt: 1, error: null }]);
  });

  test("Y2: the jobs of a paused posting wait until it is resumed", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await silentPool(db, 3);
    await reportRunning(db, pool, jobs.slice(0, 1));
    await hold(db, id);
    await rescue(db);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("P3: the jobs of a cancelled posting are cancelled, and the posting ends", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await silentPool(db, 3);
    await reportRunning(db, pool, jobs.slice(0, 1));
    await cancel(db, id);
    await rescue(db);
    await finishStragglers(db);
    expect([...(await db.sql`select state, cancelled from pdoflow.posting`)]).toEqual([
      { state: "cancelled", cancelled: 3 },
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
  });
});

describe("a job that brings its pool down", () => {
  /** Loses one pool after the other, each with all that it can claim in hand; returns the sizes. */
  async function losePools(db: Db, count: number): Promise<number[]> {
    const sizes: number[] = [];
    for (let n = 0; n < count; n++) {
      const pool = await newPool(db);
      sizes.push(names(await take(db, pool)).length);
      await silence(db, pool);
      await rescue(db);
    }
    return sizes;
  }

  test("Y3: after two losses its range is handed out one job at a time", async () => {
    await using db = await freshQueue();
    await postJobs(db, 3);
    expect(await losePools(db, 2)).toEqual([3, 3]);
    expect([...(await db.sql`select first_seq, end_seq, lost from pdoflow.retry`)]).toEqual([
      { firstSeq: 0, endSeq: 3, lost: 2 },
    ]);
    expect(names(await take(db, await newPool(db)))).toEqual(["1/0"]);
    expect(names(await take(db, await newPool(db)))).toEqual(["1/1"]);
  });

  test("Y3: a pool has one of them in hand at most, beside any others", async () => {
    await using db = await freshQueue();
    await postJobs(db, 2);
    await losePools(db, 2);
    const pool = await newPool(db);
    const [suspect] = jobsOf(await take(db, pool));
    expect(await take(db, pool)).toEqual([]);
    const other = await postJobs(db, 1, { priority: -1 });
    expect(names(await take(db, pool))).toEqual([`${other}/0`]);
    await record(db, pool, suspect ? [suspect] : []);
    expect(names(await take(db, pool))).toEqual(["1/1"]);
  });

  test("Y3: and the third loss is charged to the job that was in hand", async () => {
    await using db = await freshQueue();
    await postJobs(db, 3);
    expect(await losePools(db, 3)).toEqual([3, 3, 1]);
    expect(await outcomesOf(db)).toEqual([
      { seq: 0, attempt: 1, state: "retried", error: "PoolLost" },
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("Y3: it is handed out with no other that waits again", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 3);
    const jobs = jobsOf(await take(db, pool));
    await record(db, pool, jobs, { state: "retried" });
    await db.sql`
      update pdoflow.retry set lost = case first_seq when 1 then 2 else 0 end,
                               due_at = now() - (9 - first_seq) * interval '1 s'`;
    const seqs = async () => jobsOf(await take(db, pool)).map(({ seq }) => seq);
    expect([await seqs(), await seqs()]).toEqual([[0, 2], [1]]);
  });

  test("Y3: it fails in the end, and the others are done", async () => {
    await using db = await freshQueue();
    await postJobs(db, 4, { maxAttempts: 2 });
    const lethal = 2;
    for (let n = 0; n < 40; n++) {
      const pool = await newPool(db);
      const jobs = jobsOf(await take(db, pool));
      if (jobs.length === 0) break;
      if (jobs.some(({ seq }) => seq === lethal)) {
        await silence(db, pool);
        await rescue(db);
        await db.sql`update pdoflow.retry set due_at = now()`;
      } else {
        await record(db, pool, jobs);
      }
    }
    await finishStragglers(db);
    expect([...(await db.sql`select state, done, failed from pdoflow.posting`)]).toEqual([
      { state: "finished", done: 3, failed: 1 },
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("an orderly release counts as no loss", async () => {
    await using db = await freshQueue();
    await postJobs(db, 2);
    await losePools(db, 1);
    const pool = await newPool(db);
    const [range] = await take(db, pool);
    await db.sql`select pdoflow.release(${pool}, array[${range?.leaseId ?? 0}::bigint],
                                          '{}', '{}', '{}', '{}', '{}', 0)`;
    expect([...(await db.sql`select lost from pdoflow.retry`)]).toEqual([{ lost: 1 }]);
  });
});
