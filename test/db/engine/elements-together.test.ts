// Element-wise edges (E1) while several transactions write at the same time.
import { describe, expect, test } from "bun:test";

import { finishPostings } from "../../../src/db/engine/outcomes.ts";
import { settle } from "../../../src/db/engine/settle.ts";
import { each, fail, pair, statusOf, taken } from "../element-stories.ts";
import {
  cancel,
  hold,
  jobsOf,
  newPool,
  postJobs,
  queueOfFile,
  record,
  recordPart,
  take,
  takeAll,
} from "../engine.ts";
import { commit, openTransaction, untilBlocked } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

describe("E1, while others write", () => {
  test("jobs recorded before the edge is met are released by the one that meets it", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const up = await postJobs(db, 2);
    const jobs = jobsOf(await take(db, pool));
    await using recording = await openTransaction(db);
    await recordPart(recording, pool, jobs.slice(0, 1));
    const id = await postJobs(db, 2, each(up));
    const settled = settle(db, [up]);
    await untilBlocked(db);
    await commit(recording);
    await settled;
    expect(await taken(db, pool, id)).toEqual([`${id}/0`]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("jobs recorded while the edge is being met are released by their record", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const up = await postJobs(db, 2);
    const jobs = jobsOf(await take(db, pool));
    await recordPart(db, pool, jobs.slice(0, 1));
    const id = await postJobs(db, 2, each(up));
    await using meeting = await openTransaction(db);
    await settle(meeting, [up]);
    const recorded = recordPart(db, pool, jobs.slice(1));
    await untilBlocked(db);
    await commit(meeting);
    await recorded;
    expect(await taken(db, pool, id)).toEqual([`${id}/0`, `${id}/1`]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("a posting that ends in one batch while its edge is being met releases its job", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const up = await postJobs(db, 1);
    const jobs = jobsOf(await take(db, pool));
    const id = await postJobs(db, 1, each(up));
    await using recording = await openTransaction(db);
    await record(recording, pool, jobs);
    const settled = settle(db, [up]);
    await untilBlocked(db);
    await commit(recording);
    await settled;
    expect(await taken(db, pool, id)).toEqual([`${id}/0`]);
    await settle(db, [up]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("Y2: pausing waits for jobs that are being released, and stops them", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await pair(db, 2);
    await using recording = await openTransaction(db);
    await recordPart(recording, pool, jobs.slice(0, 1));
    const held = hold(db, id);
    await untilBlocked(db);
    await commit(recording);
    await held;
    expect(await takeAll(db, pool)).toEqual([]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("a posting that is cancelled meanwhile gets nothing", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await pair(db, 2);
    await using cancelling = await openTransaction(db);
    await cancel(cancelling, id);
    const recorded = record(db, pool, jobs);
    await untilBlocked(db);
    await commit(cancelling);
    await recorded;
    expect(await takeAll(db, pool)).toEqual([]);
    expect(await statusOf(db, id)).toMatchObject({ state: "cancelled", cancelled: 2 });
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("7: while failed jobs are being retried, nothing is counted as skipped", async () => {
    await using db = await freshQueue();
    const { pool, up, id, jobs } = await pair(db, 2);
    await recordPart(db, pool, jobs.slice(0, 1));
    await fail(db, pool, jobs.slice(1));
    await finishPostings(db, [up]);
    await using retrying = await openTransaction(db);
    await retrying.sql`select pdoflow.retry(${up})`;
    await settle(db, [up]);
    await commit(retrying);
    expect(await statusOf(db, id)).toMatchObject({ waiting: 2, cancelled: 0 });
    await record(
      db,
      pool,
      jobsOf(await takeAll(db, pool)).filter(({ postingId }) => postingId === up),
    );
    expect(await taken(db, pool, id)).toEqual([`${id}/1`]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("a posting ends if its last job and the skipped ones are counted at the same time", async () => {
    await using db = await freshQueue();
    const { pool, up, id, jobs } = await pair(db, 2);
    await recordPart(db, pool, jobs.slice(0, 1));
    const last = jobsOf(await takeAll(db, pool));
    await fail(db, pool, jobs.slice(1));
    await finishPostings(db, [up]);
    await using skipping = await openTransaction(db);
    await settle(skipping, [up]);
    await record(db, pool, last);
    const finished = finishPostings(db, [id]);
    await untilBlocked(db);
    await commit(skipping);
    await finished;
    expect(await statusOf(db, id)).toMatchObject({ state: "finished", done: 1, cancelled: 1 });
    expect(await brokenInvariants(db)).toEqual([]);
  });
});
