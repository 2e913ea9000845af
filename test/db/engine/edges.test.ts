// Edges (W1 to W4). The numbers are those of the table of cases in docs/flows.md.
import { describe, expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { finishPostings } from "../../../src/db/engine/outcomes.ts";
import { prune } from "../../../src/db/admin/prune.ts";
import { startDue } from "../../../src/db/engine/starts.ts";
import { settle } from "../../../src/db/engine/settle.ts";
import type { Edge } from "../../../src/domain/option-values.ts";
import {
  cancel,
  hold,
  jobsOf,
  names,
  newPool,
  postJobs,
  queueOfFile,
  record,
  recordPart,
  refusal,
  resume,
  take,
  takeAll,
} from "../engine.ts";
import { commit, openTransaction } from "../locks.ts";
import { insideOf } from "../acts.ts";
import { all } from "../admin/retention.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

/** Why a posting is blocked; empty if it is not. */
const obstacles = async ({ sql }: Db, id: number) =>
  (await sql<{ reason: string }[]>`select reason from pdoflow.obstacles(${id})`).map(
    ({ reason }) => reason,
  );

const after = (posting: number, more: Partial<Edge> = {}): { after: Edge[] } => ({
  after: [{ posting, kind: "after", ...more }],
});

/** A pool runs all jobs that it can claim; the first `failing` of them fail. */
async function runAll(db: Db, pool: number, failing = 0): Promise<void> {
  const jobs = jobsOf(await take(db, pool));
  const error = JSON.stringify({ name: "Error" });
  await recordPart(db, pool, jobs.slice(0, failing), { state: "failed", error });
  await record(db, pool, jobs.slice(failing));
  await finishPostings(db, [...new Set(jobs.map(({ postingId }) => postingId))]);
}

describe("after: all jobs of the upstream are done", () => {
  test("P11: nothing of it is claimed before; then pools claim it", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const up = await postJobs(db, 2);
    const id = await postJobs(db, 2, after(up));
    const [first, second] = jobsOf(await takeAll(db, pool));
    expect([first?.postingId, second?.postingId]).toEqual([up, up]);
    expect(await settle(db, [up])).toBe(0);
    expect(await obstacles(db, id)).toEqual([]);
    await record(db, pool, first ? [first] : []);
    expect(await settle(db, [up])).toBe(0);
    await record(db, pool, second ? [second] : []);
    await finishPostings(db, [up]);
    expect(await takeAll(db, pool)).toEqual([]);
    expect(await settle(db, [up])).toBe(1);
    expect(names(await takeAll(db, pool))).toEqual([`${id}/0`, `${id}/1`]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("1: an upstream that has ended before is met at once", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const up = await postJobs(db, 2);
    await runAll(db, pool);
    const id = await postJobs(db, 1, after(up));
    expect(names(await takeAll(db, pool))).toEqual([`${id}/0`]);
  });

  test("2: an upstream that does not exist is refused, and nothing is posted", async () => {
    await using db = await freshQueue();
    expect(await refusal(postJobs(db, 1, after(41)))).toContain("there is no posting 41");
    expect(await db.sql`select from pdoflow.posting`).toHaveLength(0);
  });

  test("7, W4: a failed upstream blocks it until its failed jobs were retried and are done", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const up = await postJobs(db, 3);
    const id = await postJobs(db, 1, after(up));
    await runAll(db, pool, 2);
    expect(await settle(db, [up])).toBe(0);
    expect(await takeAll(db, pool)).toEqual([]);
    expect(await obstacles(db, id)).toEqual([`${up} has 2 failed jobs`]);
    await db.sql`select pdoflow.retry(${up})`;
    expect(await obstacles(db, id)).toEqual([]);
    await runAll(db, pool);
    expect(await settle(db, [up])).toBe(1);
    expect(names(await takeAll(db, pool))).toEqual([`${id}/0`]);
  });

  test("8: pausing and waiting both hold it", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const up = await postJobs(db, 1);
    const id = await postJobs(db, 1, after(up));
    await hold(db, id);
    await resume(db, id);
    const jobs = jobsOf(await takeAll(db, pool));
    expect(jobs.map(({ postingId }) => postingId)).toEqual([up]);
    await hold(db, id);
    await record(db, pool, jobs);
    await settle(db, [up]);
    expect(await takeAll(db, pool)).toEqual([]);
    await resume(db, id);
    expect(names(await takeAll(db, pool))).toEqual([`${id}/0`]);
  });

  test("a chain is blocked by its root, and cancelled as it says", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const up = await postJobs(db, 2);
    const middle = await postJobs(db, 1, after(up));
    const last = await postJobs(db, 1, after(middle));
    const gone = await postJobs(db, 1, { ...after(middle), ifBlocked: "cancel" });
    const eager = await postJobs(db, 1, { ...after(middle), ifBlocked: "run" });
    await runAll(db, pool, 1);
    await settle(db, [up]);
    await settle(db, [middle]);
    expect(await obstacles(db, last)).toEqual([`${up} has 1 failed job`]);
    expect(names(await takeAll(db, pool))).toEqual([`${eager}/0`]);
    const [state] = await db.sql`select state, reason from pdoflow.posting where id = ${gone}`;
    expect(state).toEqual({ state: "cancelled", reason: `blocked: ${up} has 1 failed job` });
    expect(await brokenInvariants(db)).toEqual([]);
  });
});

test("4: a cancelled upstream blocks after, meets any, and blocks failed", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const up = await postJobs(db, 2);
  const one = await postJobs(db, 1, after(up));
  const any = await postJobs(db, 1, after(up, { kind: "any" }));
  const failed = await postJobs(db, 1, after(up, { kind: "failed" }));
  const start = await postJobs(db, 1, after(up, { kind: "start" }));
  await cancel(db, up);
  await settle(db, [up]);
  expect(names(await takeAll(db, pool))).toEqual([`${any}/0`]);
  expect(await obstacles(db, one)).toEqual([`${up} has 2 cancelled jobs`]);
  expect(await obstacles(db, failed)).toEqual([`${up} ended without a failed job`]);
  expect(await obstacles(db, start)).toEqual([`${up} was cancelled before it began`]);
});

test("each edge has its own tolerance", async () => {
  await using db = await freshQueue();
  const [one, two] = [await postJobs(db, 1), await postJobs(db, 1)];
  const id = await postJobs(db, 1, {
    after: [
      { posting: one, kind: "after", toleratePercent: 5 },
      { posting: two, kind: "after" },
    ],
  });
  const rows = await db.sql<{ toleratePercent: number | null }[]>`
    select tolerate_percent from pdoflow.edge where posting_id = ${id} order by upstream_id`;
  expect(rows.map(({ toleratePercent }) => toleratePercent)).toEqual([5, null]);
});

test("W1: an edge leads to a posting that was there before", async () => {
  await using db = await freshQueue();
  const up = await postJobs(db, 1);
  const id = await postJobs(db, 1, after(up));
  expect(
    await refusal(db.sql`update pdoflow.edge set upstream_id = ${id} where posting_id = ${id}`),
  ).toContain("w1_upstream_was_there");
});

test("7, W2: a met edge stays met when its upstream is retried", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const up = await postJobs(db, 3);
  const id = await postJobs(db, 1, after(up, { tolerateJobs: 1 }));
  await runAll(db, pool, 1);
  await settle(db, [up]);
  await db.sql`select pdoflow.retry(${up})`;
  expect(await settle(db, null)).toBe(0);
  expect(names(await takeAll(db, pool)).toSorted()).toEqual([`${up}/0`, `${id}/0`]);
});

test("W3: prune keeps the upstream until the posting that waits can go too", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const up = await postJobs(db, 1);
  const id = await postJobs(db, 1, after(up));
  await runAll(db, pool);
  expect(await prune(db, all)).toMatchObject({ postings: 0 });
  await settle(db, [up]);
  await runAll(db, pool);
  expect(await prune(db, all)).toMatchObject({ postings: 2 });
  expect(await db.sql`select from pdoflow.edge where posting_id = ${id}`).toHaveLength(0);
});

test("23, P12: a posting whose deadline has passed is cancelled, also while it waits", async () => {
  await using db = await freshQueue();
  const up = await postJobs(db, 1);
  const id = await postJobs(db, 1, { ...after(up), deadline: new Date(Date.now() + 3_600_000) });
  await startDue(db);
  const state = async () =>
    (await db.sql`select state, reason from pdoflow.posting where id = ${id}`)[0];
  expect(await state()).toEqual({ state: "open", reason: null });
  await db.sql`update pdoflow.posting set deadline = now() where id = ${id}`;
  await startDue(db);
  expect(await state()).toEqual({ state: "cancelled", reason: "its deadline passed" });
});

test("unblock lets a waiting posting run", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const up = await postJobs(db, 1);
  const id = await postJobs(db, 1, after(up));
  const [row] = await db.sql<{ done: boolean }[]>`select pdoflow.unblock(${id}::bigint) as done`;
  expect(row?.done).toBe(true);
  expect(names(await takeAll(db, pool))).toEqual([`${up}/0`, `${id}/0`]);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("5, 6: too many failures block at once, while the upstream still runs", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const up = await postJobs(db, 4);
  const strict = await postJobs(db, 1, after(up, { toleratePercent: 49 }));
  const lenient = await postJobs(db, 1, after(up, { toleratePercent: 50 }));
  const jobs = jobsOf(await takeAll(db, pool));
  await recordPart(db, pool, jobs.slice(0, 2), { state: "failed", error: '{"name": "Error"}' });
  expect(await obstacles(db, strict)).toEqual([`${up} has 2 failed jobs, 1 tolerated`]);
  expect(await obstacles(db, lenient)).toEqual([]);
});

test("9: a posting with a start time and an upstream waits for the later of the two", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const up = await postJobs(db, 1);
  const id = await postJobs(db, 1, { ...after(up), runAt: "9000-01-01T00:00:00Z" });
  await runAll(db, pool);
  await settle(db, [up]);
  expect(await takeAll(db, pool)).toEqual([]);
  await db.sql`update pdoflow.posting set run_at = now() where id = ${id}`;
  await startDue(db);
  expect(names(await takeAll(db, pool))).toEqual([`${id}/0`]);
});

test("W2: the edges of a cancelled posting lapse, and are not polled any more", async () => {
  await using db = await freshQueue();
  const up = await postJobs(db, 1);
  const id = await postJobs(db, 1, after(up));
  await cancel(db, id);
  const [row] = await db.sql`select state, cause from pdoflow.edges where posting_id = ${id}`;
  expect(row).toEqual({ state: "lapsed", cause: null });
  const [next] = await db.sql`select any_waits from pdoflow.pool_next_ms('{}', '{}', null)`;
  expect(next?.["anyWaits"]).toBe(false);
});

test("P12: a retry by hand after the deadline is not cancelled", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const id = await postJobs(db, 1, { deadline: new Date(Date.now() + 3_600_000) });
  await runAll(db, pool, 1);
  await db.sql`update pdoflow.posting set deadline = now() where id = ${id}`;
  await db.sql`select pdoflow.retry(${id})`;
  await startDue(db);
  expect(names(await takeAll(db, pool))).toEqual([`${id}/0`]);
});

test("two upstreams that end at the same moment open it, although neither sees the other", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const [one, two] = [await postJobs(db, 1), await postJobs(db, 1)];
  const id = await postJobs(db, 1, {
    after: [one, two].map((posting) => ({ posting, kind: "after" as const })),
  });
  const [first, second] = [jobsOf(await take(db, pool, { cap: 1 })), jobsOf(await take(db, pool))];
  await using other = await openTransaction(db);
  await record({ ...other, sql: insideOf(other.sql) }, pool, first);
  await record(db, pool, second);
  expect(await settle(db, [two])).toBe(0);
  await commit(other);
  expect(await settle(db, [one])).toBe(1);
  expect(names(await takeAll(db, pool))).toEqual([`${id}/0`]);
});

test("1: an upstream that ends while the posting transaction is open is found by polling", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const up = await postJobs(db, 1);
  const jobs = jobsOf(await takeAll(db, pool));
  await using other = await openTransaction(db);
  const id = await postJobs({ ...other, sql: insideOf(other.sql) }, 1, after(up));
  await record(db, pool, jobs); // no one waits for it as far as this transaction sees
  expect(await settle(db, [up])).toBe(0);
  await commit(other);
  expect(await takeAll(db, pool)).toEqual([]);
  expect(await settle(db, null)).toBe(1); // the heartbeat of any pool, also after the pool was lost
  expect(names(await takeAll(db, pool))).toEqual([`${id}/0`]);
});

test("23: a blocked posting whose deadline has passed is cancelled", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const up = await postJobs(db, 2);
  const id = await postJobs(db, 1, after(up));
  await runAll(db, pool, 1);
  await settle(db, [up]);
  expect(await obstacles(db, id)).toEqual([`${up} has 1 failed job`]);
  await db.sql`update pdoflow.posting set deadline = now() where id = ${id}`;
  await startDue(db);
  expect(await db.sql`select state, reason from pdoflow.posting where id = ${id}`).toMatchObject([
    { state: "cancelled", reason: "its deadline passed" },
  ]);
  expect(await obstacles(db, id)).toEqual([]);
});
