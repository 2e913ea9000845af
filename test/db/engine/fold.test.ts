import { expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { finishPostings, foldProgress } from "../../../src/db/engine/outcomes.ts";
import {
  queueOfFile,
  jobsOf,
  type LeasedJob,
  newPool,
  nth,
  postJobs,
  putBack,
  record,
  recordPart,
  take,
} from "../engine.ts";
import { commit, openTransaction, untilBlocked } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

const rows = async ({ sql }: Db) => (await sql`select from pdoflow.progress`).length;

/** A pool that recorded the outcomes of 60 of 100 jobs one by one; the others are left to do. */
async function longWay(db: Db) {
  const [pool, id] = [await newPool(db), await postJobs(db, 100)];
  const jobs = jobsOf(await take(db, pool));
  for (const job of jobs.slice(0, 60)) {
    await recordPart(db, pool, [job], { state: job.seq % 3 === 0 ? "failed" : "done" });
  }
  return { pool, id, left: jobs.slice(60) };
}

const finishAll = (db: Db, pool: number, left: LeasedJob[]) => record(db, pool, left);

test("G1: many progress rows become one, with the same sum", async () => {
  await using db = await freshQueue();
  const { pool, left } = await longWay(db);
  await recordPart(db, pool, left.slice(0, 2), { state: "retried" });
  await putBack(db, pool, left);
  expect(await rows(db)).toBe(62);
  await foldProgress(db);
  expect(await rows(db)).toBe(1);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("a few rows are left as they are", async () => {
  await using db = await freshQueue();
  const [pool, id] = [await newPool(db), await postJobs(db, 100)];
  const jobs = jobsOf(await take(db, pool));
  for (const job of jobs.slice(0, 50)) await recordPart(db, pool, [job]);
  await foldProgress(db);
  expect(await rows(db)).toBe(50);
  await recordPart(db, pool, [nth(jobs, 50)]);
  await foldProgress(db);
  expect(await rows(db)).toBe(1);
  expect(id).toBe(1);
});

test("G1: outcomes recorded while rows are folded are counted once", async () => {
  await using db = await freshQueue();
  const { pool, id, left } = await longWay(db);
  await using recording = await openTransaction(db);
  await recordPart(recording, pool, left.slice(0, 10));
  await foldProgress(db);
  await commit(recording);
  expect(await brokenInvariants(db)).toEqual([]);
  await finishAll(db, pool, left.slice(10));
  expect(await finishPostings(db, [id])).toEqual([id]);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("G2: a posting that is being finished is not folded", async () => {
  await using db = await freshQueue();
  const { pool, id, left } = await longWay(db);
  await finishAll(db, pool, left);
  await using finishing = await openTransaction(db);
  await finishPostings(finishing, [id]);
  await foldProgress(db);
  await commit(finishing);
  expect(await rows(db)).toBe(0);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("G2: finishing waits for folding, and then has the whole sum", async () => {
  await using db = await freshQueue();
  const { pool, id, left } = await longWay(db);
  await finishAll(db, pool, left);
  await using folding = await openTransaction(db);
  await foldProgress(folding);
  const finishing = finishPostings(db, [id]);
  await untilBlocked(db);
  await commit(folding);
  expect(await finishing).toEqual([id]);
  expect(await rows(db)).toBe(0);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("if two fold at the same moment, one skips the posting", async () => {
  await using db = await freshQueue();
  await longWay(db);
  await using first = await openTransaction(db);
  await foldProgress(first);
  await foldProgress(db);
  await commit(first);
  expect(await rows(db)).toBe(1);
  expect(await brokenInvariants(db)).toEqual([]);
});
