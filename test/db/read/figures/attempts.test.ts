import { expect, test } from "bun:test";

import {
  readAttemptFigures,
  readAttemptOverview,
} from "../../../../src/db/read/figures/attempts.ts";
import { readFailureGroups } from "../../../../src/db/read/figures/failure-groups.ts";
import { readSlowest } from "../../../../src/db/read/figures/slowest.ts";
import { logBucketOf } from "../../../../src/domain/log-histogram.ts";
import { binsOf, busyMs } from "../../../../src/domain/time-bins.ts";
import {
  jobsOf,
  newPool,
  nth,
  postJobs,
  queueOfFile,
  record,
  recordEach,
  take,
  takeAll,
} from "../../engine.ts";

const freshQueue = queueOfFile();
const total = (counts: readonly { count: number }[]) =>
  counts.reduce((sum, { count }) => sum + count, 0);

test("the figures of attempts add up to their outcomes, one by one", async () => {
  await using db = await freshQueue();
  const pools = [await newPool(db, "a"), await newPool(db, "b"), await newPool(db, "c")];
  const id = await postJobs(db, 300);
  for (const [i, pool] of pools.entries()) {
    const jobs = jobsOf(await take(db, pool, { cap: 100 }));
    await record(db, pool, jobs.slice(0, 90), { durationMs: 10 * (i + 1), ageMs: 500 * i });
    const ends = ["failed", "cancelled"] as const;
    await recordEach(
      db,
      pool,
      jobs.slice(90),
      ends.map((state) => ({ state, durationMs: 5_000, error: '{"name":"E","message":"m"}' })),
    );
  }
  const each = await db.sql<{ ended: Date; ms: number; state: string; host: string }[]>`
    select o.ended_at as ended, o.duration_ms as ms, o.state, w.host from pdoflow.outcome o
      join pdoflow.lease l on l.id = o.lease_id join pdoflow.pool w on w.id = l.pool_id`;
  const overview = await readAttemptOverview(db, [id]);
  expect(total(overview.attempts)).toBe(each.length);
  expect(overview.pools.map(({ count }) => count)).toEqual([92, 92, 92]);
  const { fromMs, toMs } = overview;
  if (fromMs === null || toMs === null) throw new Error("expected a period");
  expect(toMs).toBeCloseTo(Math.max(...each.map(({ ended }) => ended.getTime())), -1);

  const bins = binsOf(fromMs, toMs, 50);
  const figures = await readAttemptFigures(db, [id], bins, pools.slice(0, 2));
  const of = (state: string) => each.filter((one) => one.state === state);
  for (const state of ["done", "failed", "cancelled"]) {
    const counts = figures.durations.filter((one) => one.state === state);
    expect(total(counts)).toBe(of(state).length);
    expect(new Set(counts.map(({ bucket }) => bucket))).toEqual(
      new Set(of(state).map(({ ms }) => logBucketOf(Math.round(ms * 1_000)))),
    );
    expect(total(figures.ends.filter((one) => one.state === state))).toBe(of(state).length);
  }
  for (const [i, host] of ["a", "b", "c"].entries()) {
    const poolId = i === 2 ? null : nth(pools, i);
    const own = ({ poolId: id }: { poolId: number | null }) => id === poolId;
    const busy = busyMs(bins, figures.starts.filter(own), figures.ends.filter(own));
    const ran = each.filter((one) => one.host === host).reduce((sum, { ms }) => sum + ms, 0);
    expect(busy.reduce((a, b) => a + b)).toBeCloseTo(ran, 3);
  }
  // The pools that are not shown one by one are one.
  expect(new Set(figures.ends.map(({ poolId }) => poolId))).toEqual(
    new Set([nth(pools, 0), nth(pools, 1), null]),
  );
});

test("the slowest attempts are found within long runs, by the index of their job", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db, "here");
  const priorities = [1, 2, 1, 2, 3];
  const id = await postJobs(db, 5, { priorities });
  const jobs = jobsOf(await takeAll(db, pool));
  await recordEach(
    db,
    pool,
    jobs,
    [5, 900, 7, 8, 800].map((durationMs) => ({ durationMs })),
  );
  const slowest = await readSlowest(db, [id], { most: 2, withArgs: true });
  expect(slowest.map(({ durationMs, host }) => [durationMs, host])).toEqual([
    [900, "here"],
    [800, "here"],
  ]);
  // The arguments of a job are its index.
  expect(slowest.map(({ args }) => args)).toEqual(slowest.map(({ index }) => `[${index}]`));
  const [hidden] = await readSlowest(db, [id], { most: 1, withArgs: false });
  expect(hidden?.args).toBeNull();
});

test("similar failures are one group, with the error of one of them", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db, "here");
  const id = await postJobs(db, 4, { maxAttempts: 1 });
  const jobs = jobsOf(await take(db, pool));
  const error = (message: string) => JSON.stringify({ name: "TypeError", message });
  await recordEach(db, pool, jobs, [
    { state: "failed", error: error("no column 1") },
    { state: "failed", error: error("no column 2") },
    { state: "failed", error: error(`other${"!".repeat(9_000)}`), stderr: "why" },
    {},
  ]);
  const found = await readFailureGroups(db, [id], { most: 1, withValues: true });
  expect(found.groupCount).toBe(2);
  expect(found.groups).toMatchObject([
    { postingId: id, count: 2, host: "here", attempt: 1, error: { name: "TypeError" } },
  ]);
  const all = await readFailureGroups(db, [id], { most: 9, withValues: true });
  expect(all.groups[1]?.error?.message).toHaveLength(4_000);
  expect(all.groups[1]).toMatchObject({ count: 1, index: 2, stderr: "why", args: "[2]" });
  const hidden = await readFailureGroups(db, [id], { most: 9, withValues: false });
  expect(hidden.groups.every(({ stderr, args }) => stderr === null && args === null)).toBeTrue();
});
