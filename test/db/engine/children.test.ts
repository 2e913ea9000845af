// Postings that jobs post (C1 to C4). The numbers are those of the table of cases in docs/flows.md.
import { describe, expect, test } from "bun:test";

import { type Db } from "../../../src/db/connection/connect.ts";
import { foldProgress } from "../../../src/db/engine/outcomes.ts";
import { rescuePools } from "../../../src/db/engine/rescue.ts";
import {
  cancel,
  jobsOf,
  leased,
  names,
  newPool,
  nth,
  postJobs,
  putBack,
  queueOfFile,
  refusal,
  silence,
  take,
  takeAll,
} from "../engine.ts";
import { brokenInvariants } from "../invariants.ts";
import { draft, end, only } from "./drafts.ts";

const freshQueue = queueOfFile();

/** What is left of children: their states, and the postings whose jobs are stored. */
async function children({ sql }: Db) {
  const [row] = await sql<{ drafts: number; posted: number; dropped: number; jobs: string }[]>`
    select count(*) filter (where draft is not null)::integer as drafts,
           count(*) filter (where posted_at is not null)::integer as posted,
           count(*) filter (where dropped_at is not null)::integer as dropped,
           (select string_agg(distinct posting_id::text, ' ') from pdoflow.job) as jobs
    from pdoflow.child`;
  return row;
}

describe("C1: a draft becomes a posting with the outcome of its attempt", () => {
  test("nobody sees it before; then pools claim its jobs", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await leased(db, 1);
    const child = await draft(db, pool, nth(jobs, 0));
    expect(await takeAll(db, pool)).toEqual([]);
    expect(await db.sql`select id from pdoflow.posting`).toHaveLength(1);
    expect(await end(db, pool, nth(jobs, 0), [child])).toBe(0);
    expect(names(await takeAll(db, pool))).toEqual([0, 1, 2].map((seq) => `${child}/${seq}`));
    expect(await children(db)).toEqual({
      drafts: 0,
      posted: 1,
      dropped: 0,
      jobs: `${id} ${child}`,
    });
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("a job that fails twice and succeeds then has posted once", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await leased(db, 1);
    let [job] = jobs;
    for (const state of ["retried", "retried"] as const) {
      const one = only(job);
      await end(db, pool, one, [await draft(db, pool, one)], { state, error: "{}" });
      [job] = jobsOf(await take(db, pool));
    }
    const last = only(job);
    const child = await draft(db, pool, last);
    await end(db, pool, last, [child]);
    expect(await children(db)).toEqual({
      drafts: 0,
      posted: 1,
      dropped: 2,
      jobs: `${id} ${child}`,
    });
    expect(names(await takeAll(db, pool))).toHaveLength(3);
  });

  test("a job that has failed for good has posted nothing", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await leased(db, 1, 1);
    const child = await draft(db, pool, nth(jobs, 0));
    await end(db, pool, nth(jobs, 0), [child], { state: "failed", error: "{}" });
    expect(await children(db)).toEqual({ drafts: 0, posted: 0, dropped: 1, jobs: `${id}` });
  });

  test("recording again, because the reply was lost, posts no second time", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 1);
    const child = await draft(db, pool, nth(jobs, 0));
    await end(db, pool, nth(jobs, 0), [child]);
    const [lease] = await takeAll(db, pool);
    expect(await end(db, pool, nth(jobs, 0), [child])).toBe(0);
    expect(lease?.postingId).toBe(child);
    expect(await takeAll(db, pool)).toEqual([]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("posting again, because the reply was lost, returns the same number", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 1);
    const child = await draft(db, pool, nth(jobs, 0));
    expect(await draft(db, pool, nth(jobs, 0))).toBe(child);
    expect(await draft(db, pool, nth(jobs, 0), { number: 1 })).not.toBe(child);
    expect(await children(db)).toMatchObject({ drafts: 2 });
  });

  test("case 21: the outcome of a rescued job is refused, and its draft dropped", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await leased(db, 1);
    const late = await draft(db, pool, nth(jobs, 0));
    await silence(db, pool);
    await rescuePools(db);
    const other = await newPool(db);
    const [again] = jobsOf(await take(db, other));
    const child = await draft(db, other, only(again));
    expect(child).not.toBe(late);
    expect(await end(db, pool, nth(jobs, 0), [late])).toBe(1);
    await end(db, other, only(again), [child]);
    expect(await children(db)).toEqual({
      drafts: 0,
      posted: 1,
      dropped: 1,
      jobs: `${id} ${child}`,
    });
  });

  test("a pool that died leaves a draft, which the housekeeping of another one drops", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await leased(db, 1);
    await draft(db, pool, nth(jobs, 0));
    await foldProgress(db);
    expect(await children(db)).toMatchObject({ drafts: 1 });
    await silence(db, pool);
    await rescuePools(db);
    await foldProgress(db);
    expect(await children(db)).toEqual({ drafts: 0, posted: 0, dropped: 1, jobs: `${id}` });
  });

  test("a released job has posted nothing: its next attempt posts", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 1);
    const first = await draft(db, pool, nth(jobs, 0));
    await putBack(db, pool, jobs);
    await foldProgress(db);
    const [again] = jobsOf(await take(db, pool));
    const child = await draft(db, pool, only(again));
    expect(again?.attempt).toBe(1);
    await end(db, pool, only(again), [first, child]);
    expect(await children(db)).toMatchObject({ drafts: 0, posted: 1, dropped: 1 });
  });

  test("the draft of another lease is dropped, although the same attempt is done", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 1);
    const first = await draft(db, pool, nth(jobs, 0));
    await putBack(db, pool, jobs);
    const [again] = jobsOf(await take(db, pool));
    const child = await draft(db, pool, only(again));
    await end(db, pool, only(again), [first, child]);
    expect(await children(db)).toMatchObject({ drafts: 0, posted: 1, dropped: 1 });
  });

  test("a pool cannot have drafts posted before their attempts end", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 2);
    const early = await draft(db, pool, nth(jobs, 0));
    await end(db, pool, nth(jobs, 1), [early], {}, true);
    expect(await children(db)).toMatchObject({ drafts: 1, posted: 0 });
    await end(db, pool, nth(jobs, 0), [early]);
    expect(await children(db)).toMatchObject({ drafts: 0, posted: 1 });
  });

  test("a cancelled posting posts no children any more", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await leased(db, 1);
    const child = await draft(db, pool, nth(jobs, 0));
    await cancel(db, id);
    await end(db, pool, nth(jobs, 0), [child]);
    expect(await children(db)).toEqual({ drafts: 0, posted: 0, dropped: 1, jobs: `${id}` });
  });
});

test("a child has the poster, needs and priority of its parent, and its own options", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const needs = [["gpu", "has"]] as const;
  const parent = await postJobs(db, 2, { needs: [...needs], priority: 7 });
  const [one, two] = jobsOf(await take(db, pool));
  const options = JSON.stringify({ name: "stars", maxAttempts: 1, needs: [], priority: -1 });
  const ids = [await draft(db, pool, only(one)), await draft(db, pool, only(two), { options })];
  await end(db, pool, only(one), ids, {}, true);
  await end(db, pool, only(two), ids);
  const rows = await db.sql`
    select p.name, p.max_attempts, p.priority, r.poster, r.poster_os, r.needs
    from pdoflow.posting p join pdoflow.route r on r.id = p.route_id
    where p.id <> ${parent} order by p.id`;
  const shared = { poster: db.target.user, posterOs: "ada" };
  expect([...rows]).toEqual([
    { ...shared, name: null, maxAttempts: 3, priority: 7, needs: [["gpu", "has"]] },
    { ...shared, name: "stars", maxAttempts: 1, priority: -1, needs: [] },
  ]);
});

describe("C3: caps", () => {
  test("case 22: 32 generations, with the chain in the message", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const chain = [await postJobs(db, 1)];
    for (let depth = 1; depth <= 32; depth++) {
      const [job] = jobsOf(await take(db, pool));
      const child = await draft(db, pool, only(job), { jobs: "[1]" });
      chain.push(child);
      await end(db, pool, only(job), [child]);
    }
    const [job] = jobsOf(await take(db, pool));
    expect(await refusal(draft(db, pool, only(job)))).toContain(
      `expected at most 32 generations of postings that jobs post, found ${chain.join(" > ")}`,
    );
  });

  test("1,000 calls of an attempt, and 100,000 jobs of a call", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 1);
    expect(await refusal(draft(db, pool, nth(jobs, 0), { number: 1_000 }))).toContain(
      "expected at most 1000 calls of post in an attempt",
    );
    const many = Array.from({ length: 100_001 }, () => "[]").join("\n");
    expect(await refusal(draft(db, pool, nth(jobs, 0), { jobs: many }))).toContain(
      "expected 1 to 100000 jobs in a call of post, found 100001",
    );
    await draft(db, pool, nth(jobs, 0), { jobs: many.slice(3) });
    expect(await refusal(draft(db, pool, nth(jobs, 0), { number: 1, jobs: "" }))).toContain(
      "expected 1 to 100000 jobs in a call of post, found 0",
    );
  });

  test("10,000 postings of one tree", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await leased(db, 1);
    await db.sql`
      insert into pdoflow.child (posting_id, parent_id, parent_seq, attempt, lease_id, number,
                                 root_id, depth, route_id, posted_at)
      select 1000 + n, ${id}, n, 1, 0, 0, ${id}, 1, 1, now() from generate_series(1, 9999) n`;
    await draft(db, pool, nth(jobs, 0));
    expect(await refusal(draft(db, pool, nth(jobs, 0), { number: 1 }))).toContain(
      `expected at most 10000 postings below posting ${id}`,
    );
  });

  test("options that a job cannot choose", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 1);
    for (const name of ["key", "jobKey", "after", "osUser", "run", "gather", "typo"]) {
      const options = JSON.stringify({ [name]: "x" });
      expect(await refusal(draft(db, pool, nth(jobs, 0), { options }))).toContain(
        `option ${name}: a job cannot choose it`,
      );
    }
  });
});

test("C2, C4: a child is newer than its parent; it is a draft, posted or dropped", async () => {
  await using db = await freshQueue();
  const insert = (id: number, root: number, posted: string | null, dropped: string | null) =>
    refusal(db.sql`
      insert into pdoflow.child (posting_id, parent_id, parent_seq, attempt, lease_id, number,
                                 root_id, depth, route_id, posted_at, dropped_at)
      values (${id}, 5, 0, 1, 1, 0, ${root}, 1, 1, ${posted}::text::timestamptz, ${dropped}::text::timestamptz)`);
  expect(await insert(5, 5, "now", null)).toContain("c2_parent_was_there");
  expect(await insert(6, 6, "now", null)).toContain("c2_parent_was_there");
  expect(await insert(6, 5, "now", "now")).toContain("c4_one_state");
  expect(await insert(6, 5, null, null)).toContain("c4_one_state");
});
