import { expect, test } from "bun:test";

import { connect, type Db } from "../../../src/db/connection/connect.ts";
import type { LeasedRange } from "../../../src/db/engine/leases.ts";
import {
  cancel,
  queueOfFile,
  jobsOf,
  names,
  newPool,
  nth,
  postJobs,
  postManySingles,
  postSingles,
  putBack,
  record,
  take,
  takeAll,
} from "../engine.ts";
import { commit, openTransaction, untilBlocked, untilBlockedOrDone } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

/** Lets `count` connections claim at the same time, each a pool, until nothing is left. */
async function takeAllTogether(db: Db, count: number, cap: number): Promise<LeasedRange[]> {
  const taken: LeasedRange[] = [];
  const routes = [1];
  await Promise.all(
    Array.from({ length: count }, async () => {
      await using alone = connect(db.target, { connections: 1 });
      taken.push(...(await takeAll(alone, await newPool(alone), { cap, routes })));
    }),
  );
  // A pool that got nothing because others were faster, time after time, has left early.
  return [...taken, ...(await takeAll(db, await newPool(db), { cap, routes }))];
}

test("L1: 20 connections claim two lanes a thousand times, each job once", async () => {
  await using db = await freshQueue();
  const priorities = Array.from({ length: 5_000 }, (_, index) => (index < 2_500 ? 1 : 0));
  await postJobs(db, priorities.length, { priorities });
  const taken = await takeAllTogether(db, 20, 5);
  expect(taken.length).toBeGreaterThanOrEqual(1_000);
  expect(
    jobsOf(taken)
      .map(({ seq }) => seq)
      .sort((a, b) => a - b),
  ).toEqual(priorities.map((_, seq) => seq));
  expect([...(await db.sql`select distinct state from pdoflow.lane`)]).toEqual([
    { state: "closed" },
  ]);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("many one-job postings are claimed together, and each is taken once", async () => {
  await using db = await freshQueue();
  const first = await postManySingles(db, 3_000);
  const taken = await takeAllTogether(db, 10, 7);
  expect(taken.map(({ postingId }) => postingId).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 3_000 }, (_, place) => first + place),
  );
  expect(await brokenInvariants(db)).toEqual([]);
});

test("lanes that are taken whole and lanes that are taken in ranges do not mix up", async () => {
  await using db = await freshQueue();
  const sizes = Array.from({ length: 100 }, (_, index) => 1 + ((index * 7) % 20));
  for (const size of sizes) await postJobs(db, size);
  const taken = await takeAllTogether(db, 10, 8);
  const all = sizes.flatMap((size, index) =>
    Array.from({ length: size }, (_, seq) => `${index + 1}/${seq}`),
  );
  expect(names(taken).sort()).toEqual(all.sort());
  expect(await brokenInvariants(db)).toEqual([]);
});

test("retries are claimed together, and each is taken once", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  await postJobs(db, 600);
  await putBack(db, pool, await takeAll(db, pool, { cap: 3 }));
  const taken = await takeAllTogether(db, 10, 2);
  expect(
    jobsOf(taken)
      .map(({ seq }) => seq)
      .sort((a, b) => a - b),
  ).toEqual(Array.from({ length: 600 }, (_, seq) => seq));
  expect(await brokenInvariants(db)).toEqual([]);
});

test("L1: a claim waits for the claim before it, and starts at its end", async () => {
  await using db = await freshQueue();
  await postJobs(db, 10);
  await using first = await openTransaction(db);
  expect(names(await take(first, await newPool(db), { cap: 4 }))).toHaveLength(4);
  const second = take(db, await newPool(db), { cap: 4 });
  await untilBlocked(db);
  await commit(first);
  expect((await second)[0]).toMatchObject({ firstSeq: 4, endSeq: 8 });
});

test("L1: a claim that is rolled back took nothing", async () => {
  await using db = await freshQueue();
  await postJobs(db, 10);
  const first = await openTransaction(db);
  await take(first, await newPool(db), { cap: 4 });
  const second = take(db, await newPool(db), { cap: 4 });
  await untilBlocked(db);
  await first.close();
  expect((await second)[0]).toMatchObject({ firstSeq: 0, endSeq: 4 });
});

test("a claim that waited for a lane's last job goes on to the next lane", async () => {
  await using db = await freshQueue();
  const [a, b] = [await postJobs(db, 3), await postJobs(db, 3)];
  await using first = await openTransaction(db);
  expect(names(await take(first, await newPool(db), { cap: 2 }))).toEqual([`${a}/0`, `${a}/1`]);
  expect(names(await take(first, await newPool(db), { cap: 2 }))).toEqual([`${a}/2`]);
  const second = take(db, await newPool(db), { cap: 2 });
  await untilBlocked(db);
  await commit(first);
  expect(names(await second)).toEqual([`${b}/0`, `${b}/1`]);
});

test("N2: a lane that is being cancelled is skipped, and not taken whole", async () => {
  await using db = await freshQueue();
  const [first, second, third] = [
    await postJobs(db, 1),
    await postJobs(db, 1),
    await postJobs(db, 1),
  ];
  await using cancelling = await openTransaction(db);
  await cancel(cancelling, second);
  const claiming = take(db, await newPool(db));
  await untilBlockedOrDone(db, claiming);
  await commit(cancelling);
  expect(names(await claiming)).toEqual([`${first}/0`, `${third}/0`]);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("recording does not keep pools from claiming", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  await postJobs(db, 10);
  const mine = await take(db, pool, { cap: 5 });
  await using recording = await openTransaction(db);
  await record(recording, pool, jobsOf(mine));
  expect(await take(db, await newPool(db))).toHaveLength(1);
});

test("small postings that differ come in the order in which they were posted, each as it is", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const maxAttempts = [3, 5, 3, 3, 5, 3];
  const ids: number[] = [];
  for (const n of maxAttempts) ids.push(await postJobs(db, 1, { maxAttempts: n }));
  ids.push(await postJobs(db, 2));
  await db.sql`update pdoflow.job set args = regexp_replace(args, '.*?[]]', '[' || posting_id || ']')`;
  await db.sql`delete from pdoflow.job where posting_id = ${nth(ids, 2)}`;
  const ranges = await take(db, pool);
  expect(ranges.map(({ postingId }) => postingId)).toEqual(ids);
  expect(ranges.map(({ posting }) => posting?.id)).toEqual(ids);
  expect(ranges.map(({ posting }) => posting?.maxAttempts)).toEqual([...maxAttempts, 3]);
  const args = ids.map((id) => `[${id}]`);
  args[6] += "\n[1]";
  expect(ranges.map((range) => range.args?.replace(/ /g, "") ?? null)).toEqual(
    args.map((text, i) => (i === 2 ? null : text)),
  );
});

test("postings of one job that differ come in the order in which they were posted", async () => {
  await using db = await freshQueue();
  const maxAttempts = [3, 5, 3, 3, 5, 3];
  const ids: number[] = [];
  for (const n of maxAttempts) ids.push(await postJobs(db, 1, { maxAttempts: n }));
  await db.sql`update pdoflow.job set args = '[' || posting_id || ']'`;
  const ranges = await take(db, await newPool(db));
  expect(ranges.map(({ postingId, args }) => [postingId, args])).toEqual(
    ids.map((id) => [id, `[${id}]`]),
  );
  expect(ranges.map(({ posting }) => [posting?.id, posting?.maxAttempts])).toEqual(
    ids.map((id, i) => [id, maxAttempts[i]]),
  );
});

test("a claim of postings of one job with more than 4 MiB of arguments leaves the large ones", async () => {
  await using db = await freshQueue();
  const ids = await postSingles(db, 3);
  const large = nth(ids, 1);
  await db.sql`update pdoflow.job set args = '["' || repeat('x', 4194304) || '"]'
    where posting_id = ${large}`;
  const ranges = await take(db, await newPool(db));
  expect(ranges.map(({ postingId }) => postingId)).toEqual(ids);
  expect(ranges.map(({ args }) => args)).toEqual(["[0]", null, "[0]"]);
});
