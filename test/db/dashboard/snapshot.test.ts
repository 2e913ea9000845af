import { expect, test } from "bun:test";

import { parseNeeds } from "../../../src/domain/capabilities.ts";
import { setPriority } from "../../../src/db/engine/control.ts";
import { readSnapshot } from "../../../src/db/dashboard/snapshot.ts";
import {
  cancel,
  hold,
  jobsOf,
  newPool,
  numberOf,
  postJobs,
  postSingles,
  queueOfFile,
  record,
  recordPart,
  silence,
  take,
} from "../engine.ts";

const freshQueue = queueOfFile();

test("a queue without anything is shown as that", async () => {
  await using db = await freshQueue();
  const { at, database, ...snapshot } = await readSnapshot(db);
  expect(Math.abs(at.getTime() - Date.now())).toBeLessThan(60_000);
  expect(database).toStartWith(`${db.target.database} at `);
  expect(snapshot).toEqual({
    readOnly: null,
    postings: [],
    morePostings: 0,
    jobs: { waiting: 0, running: 0, retrying: 0, done: 0, failed: 0, cancelled: 0 },
    oldestWaitingMs: null,
    endedBySecond: [],
    pools: [],
    failures: [],
  });
});

test("an active posting is counted by status, and its pool has the remaining jobs", async () => {
  await using db = await freshQueue();
  const [pool, id] = [await newPool(db), await postJobs(db, 100, { name: "night" })];
  const jobs = jobsOf(await take(db, pool, { cap: 40 }));
  await recordPart(db, pool, jobs.slice(0, 10));
  await recordPart(db, pool, jobs.slice(10, 13), { state: "failed" });
  await recordPart(db, pool, jobs.slice(13, 15), { state: "retried", delayMs: 1e6 });
  const { postings, jobs: all, pools, oldestWaitingMs } = await readSnapshot(db);
  const counts = { waiting: 60, running: 25, retrying: 2, done: 10, failed: 3, cancelled: 0 };
  expect(postings).toMatchObject([{ id, name: "night", priority: 0, jobs: counts }]);
  expect(all).toEqual(counts);
  expect(pools).toMatchObject([
    { id: await numberOf(db, pool), slots: 1, busy: null, work: `${id} night ×40` },
  ]);
  expect(oldestWaitingMs).toBeGreaterThan(0);
});

test("the jobs of a posting that starts later wait", async () => {
  await using db = await freshQueue();
  const runAt = new Date(Date.now() + 1e9);
  await postJobs(db, 100, { runAt });
  const { postings, jobs, oldestWaitingMs } = await readSnapshot(db);
  expect(postings).toMatchObject([{ runAt, jobs: { waiting: 100, running: 0 } }]);
  expect(jobs).toMatchObject({ waiting: 100, running: 0 });
  expect(oldestWaitingMs).toBeNull();
});

test("a paused posting waits, but does not count as the longest wait; a cancelled one does not wait", async () => {
  await using db = await freshQueue();
  const [paused = 0, cancelled = 0] = await postSingles(db, 2);
  await hold(db, paused);
  await cancel(db, cancelled);
  const { postings, jobs, oldestWaitingMs, morePostings } = await readSnapshot(db);
  expect(postings).toMatchObject([
    { id: paused, state: "paused", priority: 0, jobs: { waiting: 1 } },
    { id: cancelled, state: "cancelled", priority: null, jobs: { waiting: 0, cancelled: 1 } },
  ]);
  expect([jobs.waiting, oldestWaitingMs, morePostings]).toEqual([1, null, 0]);
});

test("active postings are shown first, then the newest; the rest is counted", async () => {
  await using db = await freshQueue();
  const [oldest = 0, ...newer] = await postSingles(db, 9);
  await take(db, await newPool(db), { cap: 1 });
  const { postings, morePostings, jobs } = await readSnapshot(db, 4);
  expect(postings.map(({ id }) => id)).toEqual([oldest, ...newer.toReversed().slice(0, 3)]);
  expect([morePostings, jobs.waiting, jobs.running]).toEqual([5, 8, 1]);
});

test("ended postings come last, the newest first", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const ended = await postSingles(db, 3);
  await record(db, pool, jobsOf(await take(db, pool)));
  const open = await postJobs(db, 1);
  const { postings } = await readSnapshot(db);
  expect(postings.map(({ id }) => id)).toEqual([open, ...ended.toReversed()]);
  expect(postings[1]).toMatchObject({ state: "finished", jobs: { running: 0, done: 1 } });
});

test("a pool that is silent for longer than its heartbeat timeout is stale", async () => {
  await using db = await freshQueue();
  const [silent, alive] = [await newPool(db), await newPool(db)];
  await silence(db, silent);
  const { pools } = await readSnapshot(db);
  expect(pools.map(({ id, isStale }) => [id, isStale])).toEqual([
    [await numberOf(db, silent), true],
    [await numberOf(db, alive), false],
  ]);
});

test("the priority that is shown is the one that counts, also after it was changed", async () => {
  await using db = await freshQueue();
  const id = await postJobs(db, 3);
  await setPriority(db, [id], 7);
  expect((await readSnapshot(db)).postings).toMatchObject([{ id, priority: 7 }]);
});

test("unmet needs of a posting are shown; without pools they are unknown", async () => {
  await using db = await freshQueue();
  await postJobs(db, 1, { needs: parseNeeds("gpu,mem>=16G") });
  await postJobs(db, 1);
  const missing = async () => (await readSnapshot(db)).postings.map((each) => each.missing);
  expect(await missing()).toEqual([null, null]);
  await newPool(db);
  expect(await missing()).toEqual([null, "no pool provides gpu, mem>=16G"]);
});

test("a posting of a project that no live pool serves names the project", async () => {
  await using db = await freshQueue();
  await postJobs(db, 1, { project: "/a" });
  await postJobs(db, 1);
  await newPool(db, "here", "/b");
  const missing = async () => (await readSnapshot(db)).postings.map((each) => each.missing);
  expect(await missing()).toEqual([null, "no pool serves the project /a"]);
  await newPool(db, "here", "/a");
  expect(await missing()).toEqual([null, null]);
});
