// Element-wise edges (E1 to E3). The numbers are those of the table of cases in docs/flows.md.
import { describe, expect, test } from "bun:test";

import { prune } from "../../../src/db/admin/prune.ts";
import type { Db } from "../../../src/db/connection/connect.ts";
import { settle } from "../../../src/db/engine/settle.ts";
import { startDue } from "../../../src/db/engine/starts.ts";
import { all } from "../admin/retention.ts";
import { each, end, error, fail, pair, statusOf, taken } from "../element-stories.ts";
import {
  cancel,
  hold,
  jobsOf,
  names,
  newPool,
  nth,
  postJobs,
  putBack,
  queueOfFile,
  record,
  recordPart,
  refusal,
  resume,
  take,
  takeAll,
} from "../engine.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

/** As in `1 cancelled: 41/1 failed`. */
const jobStates = async ({ sql }: Db, id: number) =>
  (
    await sql<{ text: string }[]>`
      select concat(index, ' ', status, ': ' || (error ->> 'message')) as text
      from pdoflow.jobs(${id}, 0, 100)`
  ).map(({ text }) => text);

describe("each: job i waits for job i of the upstream", () => {
  test("E1: a job is released once the job of the upstream is done", async () => {
    await using db = await freshQueue();
    const { pool, up, id, jobs } = await pair(db, 5);
    expect(await statusOf(db, id)).toMatchObject({ state: "open", waiting: 5, running: 0 });
    expect(await takeAll(db, pool)).toEqual([]);
    await recordPart(db, pool, [nth(jobs, 1), nth(jobs, 2), nth(jobs, 4)]);
    const rows = await db.sql`select first_seq, end_seq, attempt from pdoflow.retry order by 1`;
    expect([...rows]).toEqual([
      { firstSeq: 1, endSeq: 3, attempt: 1 },
      { firstSeq: 4, endSeq: 5, attempt: 1 },
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
    const first = jobsOf(await takeAll(db, pool));
    expect(first.map(({ seq }) => seq)).toEqual([1, 2, 4]);
    expect(await statusOf(db, id)).toMatchObject({ waiting: 2, running: 3 });
    await record(db, pool, first);
    await record(db, pool, [nth(jobs, 0), nth(jobs, 3)]);
    await end(db, up);
    const rest = jobsOf(await takeAll(db, pool));
    expect(rest.map(({ seq }) => seq)).toEqual([0, 3]);
    await record(db, pool, rest);
    await end(db, id);
    expect(await statusOf(db, id)).toMatchObject({ state: "finished", done: 5 });
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("1: jobs that were done before it was posted are released when the edge is met", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const up = await postJobs(db, 4);
    const jobs = jobsOf(await take(db, pool));
    await recordPart(db, pool, jobs.slice(0, 2));
    const id = await postJobs(db, 4, each(up));
    expect(await taken(db, pool, id)).toEqual([]);
    await settle(db, [up]);
    expect(await taken(db, pool, id)).toEqual([`${id}/0`, `${id}/1`]);
    await record(db, pool, jobs.slice(2));
    expect(await taken(db, pool, id)).toEqual([`${id}/2`, `${id}/3`]);
    await end(db, up);
    const late = await postJobs(db, 4, each(up));
    await settle(db, null);
    expect(await taken(db, pool, late)).toHaveLength(4);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("E1: small postings that end in one batch release their jobs", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const ups = [await postJobs(db, 1), await postJobs(db, 1)];
    const ids: number[] = [];
    for (const up of ups) ids.push(await postJobs(db, 1, each(up)));
    await settle(db, null);
    await record(db, pool, jobsOf(await takeAll(db, pool)));
    expect(names(await takeAll(db, pool))).toEqual(ids.map((id) => `${id}/0`));
    await settle(db, null);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("2, 11, 12: what cannot be followed job by job is refused", async () => {
    await using db = await freshQueue();
    const up = await postJobs(db, 2);
    const other = await postJobs(db, 2);
    const sorted = await postJobs(db, 2, { priorities: [1, 2] });
    expect(await refusal(postJobs(db, 2, each(99)))).toContain("there is no posting 99");
    expect(await refusal(postJobs(db, 3, each(up)))).toContain(`${up} has 2 jobs, these are 3`);
    const both = { after: [...each(up).after, ...each(other).after] };
    expect(await refusal(postJobs(db, 2, both))).toContain("expected one element-wise edge");
    expect(await refusal(postJobs(db, 2, each(sorted)))).toContain("several in posting 3");
    expect(await refusal(postJobs(db, 2, { ...each(up), priorities: [1, 2] }))).toContain(
      "several in these",
    );
    expect(await db.sql`select from pdoflow.posting`).toHaveLength(3);
  });

  test("4, E3: of a cancelled upstream, done jobs go on and the rest is skipped", async () => {
    await using db = await freshQueue();
    const { pool, up, id, jobs } = await pair(db, 3);
    await recordPart(db, pool, jobs.slice(0, 1));
    await cancel(db, up);
    await putBack(db, pool, jobs);
    await end(db, up);
    expect(await statusOf(db, id)).toMatchObject({ state: "open", cancelled: 2, waiting: 1 });
    await record(db, pool, jobsOf(await takeAll(db, pool)));
    await end(db, id);
    expect(await statusOf(db, id)).toMatchObject({ state: "finished", done: 1, cancelled: 2 });
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("7, E2, E3: retried by hand, jobs that were skipped run, also further down", async () => {
    await using db = await freshQueue();
    const { pool, up, id, jobs } = await pair(db, 3);
    const last = await postJobs(db, 3, each(id));
    await settle(db, null);
    await recordPart(db, pool, jobs.slice(0, 1));
    await fail(db, pool, jobs.slice(1));
    await end(db, up);
    const ran = async () => {
      const found = jobsOf(await takeAll(db, pool));
      await record(db, pool, found);
      return found.map(({ postingId, seq }) => `${postingId}/${seq}`);
    };
    expect(await ran()).toEqual([`${id}/0`]);
    await end(db, id);
    expect(await ran()).toEqual([`${last}/0`]);
    await end(db, last);
    expect(await statusOf(db, last)).toMatchObject({ state: "finished", done: 1, cancelled: 2 });
    expect(await jobStates(db, id)).toEqual([
      "0 done",
      `1 cancelled: ${up}/1 failed`,
      `2 cancelled: ${up}/2 failed`,
    ]);
    expect((await jobStates(db, last))[1]).toBe(`1 cancelled: ${id}/1 was cancelled`);
    expect(await brokenInvariants(db)).toEqual([]);

    await db.sql`select pdoflow.retry(${up})`;
    expect(await statusOf(db, last)).toMatchObject({ state: "open", waiting: 2, cancelled: 0 });
    expect(await brokenInvariants(db)).toEqual([]);
    const again = jobsOf(await takeAll(db, pool));
    expect(again.map(({ postingId }) => postingId)).toEqual([up, up]);
    await recordPart(db, pool, again.slice(0, 1));
    await fail(db, pool, again.slice(1));
    await end(db, up);
    expect(await ran()).toEqual([`${id}/1`]);
    await end(db, id);
    expect(await ran()).toEqual([`${last}/1`]);
    await end(db, last);
    expect(await statusOf(db, last)).toMatchObject({ state: "finished", done: 2, cancelled: 1 });
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("7: a cancelled posting stays cancelled when its upstream is retried", async () => {
    await using db = await freshQueue();
    const { pool, up, id, jobs } = await pair(db, 2);
    await recordPart(db, pool, jobs.slice(0, 1));
    await cancel(db, id);
    expect(await statusOf(db, id)).toMatchObject({ state: "cancelled", cancelled: 2 });
    await fail(db, pool, jobs.slice(1));
    await end(db, up);
    await db.sql`select pdoflow.retry(${up})`;
    await record(db, pool, jobsOf(await takeAll(db, pool)));
    expect(await taken(db, pool, id)).toEqual([]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("8: released while it is paused, its jobs wait until it is resumed", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await pair(db, 2);
    await hold(db, id);
    await record(db, pool, jobs);
    expect(await takeAll(db, pool)).toEqual([]);
    expect(await brokenInvariants(db)).toEqual([]);
    await resume(db, id);
    expect(await taken(db, pool, id)).toHaveLength(2);
  });

  test("9: released before it starts, its jobs wait until then", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const up = await postJobs(db, 2);
    const runAt = new Date(Date.now() + 3_600_000);
    const id = await postJobs(db, 2, { ...each(up), runAt });
    await settle(db, [up]);
    await record(db, pool, jobsOf(await takeAll(db, pool)));
    expect(await takeAll(db, pool)).toEqual([]);
    expect(await brokenInvariants(db)).toEqual([]);
    await db.sql`update pdoflow.posting set run_at = now() where id = ${id}`;
    await startDue(db);
    expect(await taken(db, pool, id)).toHaveLength(2);
  });

  test("10: an edge of another kind to the same posting decides for itself", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const up = await postJobs(db, 2);
    const id = await postJobs(db, 2, {
      after: [...each(up).after, { posting: up, kind: "any" as const }],
    });
    await settle(db, [up]);
    const jobs = jobsOf(await takeAll(db, pool));
    await recordPart(db, pool, jobs.slice(0, 1));
    expect(await takeAll(db, pool)).toEqual([]);
    expect(await brokenInvariants(db)).toEqual([]);
    await record(db, pool, jobs.slice(1));
    await end(db, up);
    expect(await taken(db, pool, id)).toHaveLength(2);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("13, 14: a batch that is sent twice, or a job that is retried, releases once", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const up = await postJobs(db, 2);
    const id = await postJobs(db, 2, each(up));
    await settle(db, [up]);
    const [one, two] = jobsOf(await takeAll(db, pool));
    if (!one || !two) throw new Error("expected two jobs");
    await recordPart(db, pool, [one]);
    await recordPart(db, pool, [one]);
    await record(db, pool, [two], { state: "retried", error });
    expect(await brokenInvariants(db)).toEqual([]);
    const next = jobsOf(await takeAll(db, pool));
    expect(next.map(({ postingId, seq }) => `${postingId}/${seq}`).toSorted()).toEqual([
      `${up}/1`,
      `${id}/0`,
    ]);
    await record(
      db,
      pool,
      next.filter(({ postingId }) => postingId === up),
    );
    expect(await taken(db, pool, id)).toEqual([`${id}/1`]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("15: a job that fails is tried again, whatever becomes of its upstream", async () => {
    await using db = await freshQueue();
    const { pool, up, id, jobs } = await pair(db, 1);
    await record(db, pool, jobs);
    await record(db, pool, jobsOf(await takeAll(db, pool)), { state: "retried", error });
    await end(db, up);
    expect(await taken(db, pool, id)).toEqual([`${id}/0`]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("W3: prune keeps the upstream while a job that follows it can still run", async () => {
    await using db = await freshQueue();
    const { pool, up, id, jobs } = await pair(db, 1);
    await record(db, pool, jobs);
    await end(db, up);
    expect(await prune(db, all)).toMatchObject({ postings: 0 });
    await record(db, pool, jobsOf(await takeAll(db, pool)));
    await end(db, id);
    expect(await prune(db, all)).toMatchObject({ postings: 2 });
  });

  test("W4: it is blocked while its upstream is, and cancelled if it says so", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const root = await postJobs(db, 1, { maxAttempts: 1 });
    const up = await postJobs(db, 2, { after: [{ posting: root, kind: "after" }] });
    const id = await postJobs(db, 2, each(up));
    const gone = await postJobs(db, 2, { ...each(up), ifBlocked: "cancel" });
    await settle(db, null);
    await fail(db, pool, jobsOf(await takeAll(db, pool)));
    await end(db, root);
    await settle(db, null);
    const reasons = await db.sql`select reason from pdoflow.obstacles(${id})`;
    expect([...reasons]).toEqual([{ reason: `${root} has 1 failed job` }]);
    const [facts] = await db.sql`
      select is_blocked, (select state from pdoflow.edges e where e.posting_id = p.id) as state
      from pdoflow.postings p where id = ${id}`;
    expect(facts).toEqual({ isBlocked: true, state: "blocked" });
    expect(await statusOf(db, gone)).toMatchObject({ state: "cancelled", cancelled: 2 });
    expect(await brokenInvariants(db)).toEqual([]);
  });
});
