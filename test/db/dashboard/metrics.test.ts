import { expect, test } from "bun:test";

import { readMetrics } from "../../../src/db/dashboard/metrics.ts";
import { readSnapshot } from "../../../src/db/dashboard/snapshot.ts";
import { startDue } from "../../../src/db/engine/starts.ts";
import { reportPool } from "../../../src/db/dashboard/report.ts";
import { bucketOf, durationLimits } from "../../../src/db/dashboard/histogram.ts";
import { jobsOf, newPool, postJobs, queueOfFile, recordPart, take } from "../engine.ts";

const freshQueue = queueOfFile();

const seconds = Array.from({ length: 60 }, (_, at) => at);
const told = {
  free: {},
  ...{ busy: 3, recent: seconds, done: 7, failed: 2, retried: 1 },
  durations: [...durationLimits.map((_, at) => (at === 2 ? 9 : 0)), 1],
  starts: [],
  firsts: 10,
};
const counts = (histogram: readonly { count: number }[]) => histogram.map(({ count }) => count);

test("a queue without reports of pools has empty metrics", async () => {
  await using db = await freshQueue();
  const metrics = await readMetrics(db);
  expect(metrics).toMatchObject({ depth: 0, retrying: 0, refused: 0, sampled: 0 });
  expect(metrics.endedByMinute).toEqual(Array.from({ length: 60 }, () => 0));
  expect(metrics.tables.map(({ name }) => name)).toContain("outcome_run");
  expect(metrics.tables.filter(({ name }) => name === "job")).toHaveLength(1);
});

test("waiting, running and retrying jobs are counted", async () => {
  await using db = await freshQueue();
  const [pool] = [await newPool(db), await postJobs(db, 100)];
  const jobs = jobsOf(await take(db, pool, { cap: 10 }));
  await recordPart(db, pool, jobs.slice(0, 3));
  await recordPart(db, pool, jobs.slice(3, 5), { state: "retried", delayMs: 1e6 });
  const { depth, retrying, tables } = await readMetrics(db);
  expect([depth, retrying]).toEqual([95, 2]);
  expect(tables.find(({ name }) => name === "job")?.bytes).toBeGreaterThan(8_192);
});

test("C1, C2: the reports of pools within a minute are added up", async () => {
  await using db = await freshQueue();
  const [a, b] = [await newPool(db), await newPool(db)];
  for (const pool of [a, a, b]) await reportPool(db, pool, told);
  const metrics = await readMetrics(db);
  const sum = (list: readonly number[]) => list.reduce((total, part) => total + part, 0);
  expect([sum(metrics.endedByMinute), sum(metrics.failedByMinute)]).toEqual([27, 6]);
  expect(counts(metrics.duration)).toEqual(told.durations.map((count) => count * 3));
});

test("the database measures how long a job waited, from its posting", async () => {
  await using db = await freshQueue();
  const [pool, id] = [await newPool(db), await postJobs(db, 1)];
  await db.sql`update pdoflow.posting set posted_at = now() - interval '50 s'`;
  const starts = [0, 45_000].map((agoMs) => ({ postingId: id, agoMs }));
  const report = { ...told, starts: [...starts, { postingId: 99, agoMs: 0 }] };
  const waits = await reportPool(db, pool, report);
  const { latency, sampled } = await readMetrics(db);
  const expected = [...durationLimits, 0].map(() => 0);
  for (const waitMs of [50_000, 5_000]) expected[bucketOf(waitMs)] = 1;
  expect([counts(latency), sampled]).toEqual([expected, 2]);
  expect(waits?.counts).toEqual(expected);
  expect(Math.round((waits?.sumMs ?? 0) / 5_000)).toBe(11);
});

test("a job waits from the start of its posting, and from the last edge that it met", async () => {
  await using db = await freshQueue();
  const [pool, up, id] = [await newPool(db), await postJobs(db, 1), await postJobs(db, 1)];
  const waitOf = async () =>
    Math.round(
      ((await reportPool(db, pool, { ...told, starts: [{ postingId: id, agoMs: 0 }] }))?.sumMs ??
        NaN) / 1_000,
    );
  await db.sql`update pdoflow.posting set posted_at = now() - interval '50 s'`;
  await db.sql`update pdoflow.posting set run_at = now() - interval '40 s' where id = ${id}`;
  await startDue(db);
  expect(await waitOf()).toBe(40);
  await db.sql`insert into pdoflow.edge (posting_id, upstream_id, kind, met_at)
    values (${id}, ${up}, 'after', now() - interval '30 s')`;
  expect(await waitOf()).toBe(30);
  await db.sql`update pdoflow.edge set kind = 'each'`;
  expect(await waitOf()).toBe(0); // when each of its jobs could start is not stored
});

test("metrics older than two hours are deleted by the next report", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  await reportPool(db, pool, told);
  await db.sql`update pdoflow.tally set minute = minute - interval '121 min'`;
  await reportPool(db, pool, { ...told, done: 0, failed: 0, retried: 0 });
  expect(await db.sql`select from pdoflow.tally`).toHaveLength(0);
});

test("the last minute is shown by seconds, as far as all pools have reported them", async () => {
  await using db = await freshQueue();
  const [early, late] = [await newPool(db), await newPool(db)];
  for (const pool of [early, late]) await reportPool(db, pool, told);
  await db.sql`
    update pdoflow.pool set heartbeat_at = clock_timestamp() - interval '10.2 s' where id = ${early}`;
  const { endedBySecond, pools } = await readSnapshot(db);
  expect(endedBySecond).toEqual(seconds.slice(0, 50).map((second) => second + second + 10));
  expect(pools.map(({ busy }) => busy)).toEqual([3, 3]);
});
