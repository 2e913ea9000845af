import { describe, expect, test } from "bun:test";

import { nextTimes } from "../../../src/db/engine/starts.ts";
import {
  allRoutes,
  queueOfFile,
  hold,
  jobsOf,
  names,
  newPool,
  postJobs,
  putBack,
  record,
  recordPart,
  take,
  takeAll,
} from "../engine.ts";
import { commit, openTransaction } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

const hourMs = 3_600_000;

describe("which retry", () => {
  test("a retry is not claimed before it is due", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 2);
    const jobs = jobsOf(await take(db, pool));
    await recordPart(db, pool, jobs.slice(0, 1), { state: "retried" });
    await record(db, pool, jobs.slice(1), { state: "retried", delayMs: hourMs });
    expect(await takeAll(db, pool)).toMatchObject([{ firstSeq: 0, attempt: 2 }]);
    await db.sql`update pdoflow.retry set due_at = now()`;
    expect(await takeAll(db, pool)).toMatchObject([{ firstSeq: 1, attempt: 2 }]);
  });

  test("a retry goes before a lane of its priority, and after one of a higher", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const [low, high] = [await postJobs(db, 1), await postJobs(db, 1, { priority: 1 })];
    await putBack(db, pool, await takeAll(db, pool));
    const [lowLane, highLane] = [await postJobs(db, 1), await postJobs(db, 1, { priority: 1 })];
    expect(names(await takeAll(db, pool))).toEqual(
      [high, highLane, low, lowLane].map((id) => `${id}/0`),
    );
  });

  test("the one that has been due longest goes first", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 3);
    const jobs = jobsOf(await take(db, pool));
    await record(db, pool, jobs, { state: "retried" });
    await db.sql`
      update pdoflow.retry set due_at = now() - (5 - abs(first_seq - 1)) * interval '1 s'`;
    expect((await takeAll(db, pool, { cap: 1 })).map(({ firstSeq }) => firstSeq)).toEqual([
      1, 0, 2,
    ]);
  });

  test("of any priority, if it is the turn of the oldest", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const old = await postJobs(db, 1, { priority: -1 });
    await record(db, pool, jobsOf(await take(db, pool)), { state: "retried" });
    const young = await postJobs(db, 9, { priority: 5 });
    expect(names(await take(db, pool, { cap: 1 }))).toEqual([`${young}/0`]);
    expect(names(await take(db, pool, { oldest: true }))).toEqual([`${old}/0`]);
  });

  test("not before an older posting, if it is the turn of the oldest", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const old = await postJobs(db, 1, { priority: -1 });
    await postJobs(db, 1);
    await record(db, pool, jobsOf(await take(db, pool, { cap: 1 })), { state: "retried" });
    expect(names(await take(db, pool, { oldest: true }))).toEqual([`${old}/0`]);
  });

  test("one of a lower priority is found behind retries that are not due", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const id = await postJobs(db, 3, { priorities: [2, 1, 0] });
    const jobs = jobsOf(await takeAll(db, pool));
    await record(db, pool, jobs.slice(0, 2), { state: "retried", delayMs: hourMs });
    await putBack(db, pool, jobs.slice(2));
    expect(names(await takeAll(db, pool))).toEqual([`${id}/2`]);
  });

  test("retries of routes that a pool may not serve are skipped", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 1, { osUser: "ben", priority: 1 });
    await postJobs(db, 1, { osUser: "ben" });
    const mine = await postJobs(db, 1, { osUser: "ada" });
    await putBack(db, pool, await takeAll(db, pool));
    const [, ada = 0] = await allRoutes(db);
    expect(names(await takeAll(db, pool, { routes: [ada] }))).toEqual([`${mine}/0`]);
  });

  test("the oldest lane has its turn though retries of a higher priority are due", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const old = await postJobs(db, 1);
    await postJobs(db, 1, { priority: 1 });
    await putBack(db, pool, await take(db, pool));
    expect(names(await take(db, pool, { oldest: true }))).toEqual([`${old}/0`]);
  });
});

describe("how much", () => {
  test("a range is split if the cap is smaller", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const id = await postJobs(db, 7);
    await putBack(db, pool, await take(db, pool));
    const taken = await takeAll(db, pool, { cap: 3 });
    expect(taken.map(({ firstSeq, endSeq }) => [firstSeq, endSeq])).toEqual([
      [0, 3],
      [3, 6],
      [6, 7],
    ]);
    expect(names(taken)).toHaveLength(7);
    expect(taken.every(({ postingId, attempt }) => postingId === id && attempt === 1)).toBe(true);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("Y1: many are claimed under one lease, of different attempts", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 4);
    const jobs = jobsOf(await take(db, pool));
    await recordPart(db, pool, jobs.slice(0, 1), { state: "retried" });
    await putBack(db, pool, jobs);
    const taken = await take(db, pool);
    expect(new Set(taken.map(({ leaseId }) => leaseId)).size).toBe(1);
    expect(new Map(jobsOf(taken).map(({ seq, attempt }) => [seq, attempt]))).toEqual(
      new Map([
        [0, 2],
        [1, 1],
        [2, 1],
        [3, 1],
      ]),
    );
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("no others are claimed with those of chosen postings, and none that are to be skipped", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const [a, b, c] = [await postJobs(db, 1), await postJobs(db, 1), await postJobs(db, 1)];
    await putBack(db, pool, await takeAll(db, pool));
    expect(names(await take(db, pool, { postings: [b] }))).toEqual([`${b}/0`]);
    expect(names(await take(db, pool, { skip: [a] }))).toEqual([`${c}/0`]);
    expect(names(await take(db, pool))).toEqual([`${a}/0`]);
  });

  test("P5: retries of a posting with a limit are not claimed with those of others", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const free = await postJobs(db, 2);
    await putBack(db, pool, await take(db, pool));
    const limited = await postJobs(db, 2, { maxRunning: 1 });
    await putBack(db, pool, await take(db, pool, { skip: [free] }));
    await db.sql`update pdoflow.retry set due_at = now() - interval '1 s' where posting_id = ${free}`;
    expect(names(await take(db, pool))).toEqual([`${free}/0`, `${free}/1`]);
    expect(names(await take(db, pool))).toEqual([`${limited}/0`]);
  });

  test("entry points do not mix in a lease", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    for (const name of ["a", "b", "a"]) await postJobs(db, 1, { entryPoint: `${name}.ts#run` });
    await record(db, pool, jobsOf(await takeAll(db, pool)), { state: "retried" });
    await db.sql`update pdoflow.retry set due_at = now() - posting_id * interval '1 s'`;
    expect((await take(db, pool)).map(({ postingId }) => postingId)).toEqual([3, 1]);
    expect((await take(db, pool)).map(({ postingId }) => postingId)).toEqual([2]);
  });

  test("if the cap of the first in line is 0, nothing is claimed, and other pools can claim it", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const id = await postJobs(db, 1);
    await putBack(db, pool, await take(db, pool));
    const notNow = { entryPoint: "work.ts#main", cap: 0, floor: 1 };
    expect(await take(db, pool, { sizes: [notNow] })).toEqual([]);
    expect(names(await take(db, await newPool(db)))).toEqual([`${id}/0`]);
  });
});

describe("while another pool claims retries", () => {
  test("jobs that it has in hand are skipped", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 4);
    await record(db, pool, jobsOf(await take(db, pool)), { state: "retried" });
    await using other = await openTransaction(db);
    const theirs = await take(other, pool, { cap: 2 });
    const mine = await take(db, pool, { cap: 2 });
    await commit(other);
    expect(names([...theirs, ...mine]).sort()).toEqual(["1/0", "1/1", "1/2", "1/3"]);
  });

  test("a lane is claimed if another claim has locked the last of them", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 1);
    await putBack(db, pool, await take(db, pool));
    const lane = await postJobs(db, 1);
    await using other = await openTransaction(db);
    await take(other, pool);
    expect(names(await take(db, pool))).toEqual([`${lane}/0`]);
  });
});

describe("when the next retry is due", () => {
  test("never, if there is none, or if its posting is paused", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const id = await postJobs(db, 1);
    expect((await nextTimes(db, [1])).retryMs).toBeNull();
    await putBack(db, pool, await take(db, pool));
    await hold(db, id);
    expect((await nextTimes(db, [1])).retryMs).toBeNull();
  });

  test("now, if one is due, else in N milliseconds", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 2, { priorities: [1, 0] });
    const jobs = jobsOf(await takeAll(db, pool));
    await record(db, pool, jobs.slice(0, 1), { state: "retried", delayMs: hourMs });
    const { retryMs: ms } = await nextTimes(db, [1]);
    expect(ms).toBeGreaterThan(hourMs - 60_000);
    expect(ms).toBeLessThanOrEqual(hourMs);
    await putBack(db, pool, jobs.slice(1));
    expect((await nextTimes(db, [1])).retryMs).toBe(0);
    expect((await nextTimes(db, [2])).retryMs).toBeNull();
  });
});

test("O9: a claim of chosen postings takes their lanes and retries, and no others", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const [other, chosen] = [await postJobs(db, 2, { priority: 9 }), await postJobs(db, 2)];
  const [first] = await take(db, pool, { cap: 1 });
  if (!first) throw new Error("expected a claim");
  await putBack(db, pool, [first]); // a due retry of the other posting
  const postings = [chosen];
  expect(names(await take(db, pool, { cap: 5, postings }))).toEqual([`${chosen}/0`, `${chosen}/1`]);
  expect(await take(db, pool, { cap: 5, postings })).toEqual([]);
  expect(await take(db, pool, { cap: 5, oldest: true, postings })).toEqual([]);
  expect(names(await take(db, pool, { cap: 1, postings: [other] }))).toEqual([`${other}/0`]);
});
