import { expect, test } from "bun:test";

import { setPriority } from "../../../src/db/engine/control.ts";
import { jobsOf, leased, newPool, postJobs, queueOfFile, recordPart, take } from "../engine.ts";
import { commit, openTransaction, untilBlocked } from "../locks.ts";

const freshQueue = queueOfFile();

test("N4: jobs and retries are claimed by a changed priority, and keep their own", async () => {
  await using db = await freshQueue();
  const first = await postJobs(db, 2);
  const second = await postJobs(db, 2);
  const pool = await newPool(db);
  const next = async () => (await take(db, pool, { cap: 1 }))[0];
  expect(await setPriority(db, [second], 5)).toEqual([second]);
  const ranges = await take(db, pool, { cap: 1 });
  expect(ranges).toMatchObject([{ postingId: second }]);
  await recordPart(db, pool, jobsOf(ranges), { state: "retried", delayMs: 0 });
  expect(await next()).toMatchObject({ postingId: second, attempt: 2 });
  expect(await setPriority(db, [second], -1)).toEqual([second]);
  expect(await next()).toMatchObject({ postingId: first });
  const [lane] = await db.sql`
    select priority, effective_priority from pdoflow.lane where posting_id = ${second}`;
  expect(lane).toEqual({ priority: 0, effectivePriority: -1 });
});

test("N4: a changed priority waits for retries that are being recorded, and is theirs too", async () => {
  await using db = await freshQueue();
  const { pool, id, jobs } = await leased(db, 2);
  await using recording = await openTransaction(db);
  await recordPart(recording, pool, jobs, { state: "retried" });
  const changed = setPriority(db, [id], 5);
  await untilBlocked(db);
  await commit(recording);
  expect(await changed).toEqual([id]);
  expect([...(await db.sql`select distinct priority from pdoflow.retry`)]).toEqual([
    { priority: 5 },
  ]);
});
