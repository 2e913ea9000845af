import { expect, test } from "bun:test";

import { readRefusals, refusePostings } from "../../../src/db/engine/refusals.ts";
import { resumePostings } from "../../../src/db/engine/control.ts";
import { findPostings } from "../../../src/db/read/snapshot.ts";
import { registerPool } from "../../../src/db/engine/pools.ts";
import { newPool, postJobs, postSingles, putBack, queueOfFile, take, takeAll } from "../engine.ts";

const freshQueue = queueOfFile();

test("H1: a claim skips postings, including their whole lanes and retries", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const [bad, good, alsoBad, large] = [...(await postSingles(db, 3)), await postJobs(db, 5)];
  const skip = [bad, alsoBad].map(Number);
  expect((await takeAll(db, pool, { skip })).map((r) => r.postingId)).toEqual([
    Number(good),
    Number(large),
  ]);
  await putBack(db, pool, await take(db, pool));
  const late = await postSingles(db, 1);
  await putBack(db, pool, await take(db, pool, { skip }));
  expect((await takeAll(db, pool, { skip })).map((r) => r.postingId)).toEqual(late);
});

test("H1: a refusal stays until its posting is resumed, of about ten hosts, and stops nothing", async () => {
  await using db = await freshQueue();
  const id = await postJobs(db, 2);
  const scope = { pid: 1, version: "1", osUser: "ada", slots: 1, provides: {}, posters: null };
  const marks = [];
  for (let host = 0; host < 13; host++) {
    const pool = await registerPool(db, { ...scope, host: `h${host}`, heartbeatTimeoutMs: 15_000 });
    marks.push(...(await refusePostings(db, pool, new Map([[id, `why ${host}`]]))));
  }
  expect(new Set(marks.map(({ oldest }) => oldest)).size).toBe(1);
  expect(await db.sql`select from pdoflow.refusal`).toHaveLength(10);
  const [posting] = await findPostings(db, [id]);
  expect(posting).toMatchObject({
    state: "open",
    reason: "refused by the pool on h0: why 0 (and by pools on 9 more hosts)",
  });
  expect(await readRefusals(db, [id])).toHaveLength(1);
  expect(await resumePostings(db, [id])).toEqual([id]);
  expect(await resumePostings(db, [id])).toEqual([]);
  expect(await readRefusals(db, [id])).toHaveLength(0);
});
