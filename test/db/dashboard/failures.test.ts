import { expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { retryFailed } from "../../../src/db/engine/control.ts";
import { readSnapshot } from "../../../src/db/dashboard/snapshot.ts";
import { cancel, jobsOf, newPool, postJobs, queueOfFile, recordPart, take } from "../engine.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

const thrown = (name: string, message: string) => JSON.stringify({ name, message });
const failed = (error: string) => ({ state: "failed", error }) as const;

/** The failures that the dashboard shows. */
const groups = async (db: Db) =>
  (await readSnapshot(db)).failures.map(({ message, count, job }) => [message, count, job]);

/** A posting of ten jobs: seven failed alike, two otherwise, one did not. */
async function failing(db: Db) {
  const [pool, id] = [await newPool(db), await postJobs(db, 10)];
  const jobs = jobsOf(await take(db, pool));
  await recordPart(db, pool, jobs.slice(0, 7), failed(thrown("BadRow", "row 7 is empty\nat all")));
  await recordPart(db, pool, jobs.slice(7, 9), failed(thrown("Timeout", "after 5 s")));
  return { pool, id, rest: jobs.slice(9) };
}

test("F1: failures are grouped as they are recorded, the largest group first", async () => {
  await using db = await freshQueue();
  const { id } = await failing(db);
  expect(await groups(db)).toEqual([
    ["BadRow: row 7 is empty", 7, `${id}/0`],
    ["Timeout: after 5 s", 2, `${id}/7`],
  ]);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("a job retried by hand leaves its group, and returns when the retry is cancelled", async () => {
  await using db = await freshQueue();
  const { id } = await failing(db);
  await retryFailed(db, id, { indices: [{ first: 0, last: 2 }], fingerprint: null });
  expect(await groups(db)).toMatchObject([
    [expect.anything(), 4, `${id}/0`],
    [expect.anything(), 2, `${id}/7`],
  ]);
  await cancel(db, id);
  expect((await groups(db)).map(([, count]) => count)).toEqual([7, 2]);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("a group that is retried whole is gone", async () => {
  await using db = await freshQueue();
  const { id } = await failing(db);
  const [first] = (await readSnapshot(db)).failures;
  await retryFailed(db, id, { indices: null, fingerprint: first?.fingerprint ?? null });
  expect((await groups(db)).map(([message]) => message)).toEqual(["Timeout: after 5 s"]);
});

test("many batches of failures leave few rows", async () => {
  await using db = await freshQueue();
  const [pool] = [await newPool(db), await postJobs(db, 300)];
  for (const job of jobsOf(await take(db, pool))) {
    await recordPart(db, pool, [job], failed(thrown("E", `number ${job.seq}`)));
  }
  expect((await db.sql`select from pdoflow.failure`).length).toBeLessThan(60);
  expect((await readSnapshot(db)).failures).toMatchObject([
    { count: 300, job: "1/299", message: "E: number 299" },
  ]);
});
