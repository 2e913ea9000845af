import { describe, expect, test } from "bun:test";

import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { finishStragglers } from "../../../src/db/engine/outcomes.ts";
import {
  cancel,
  hold,
  jobsOf,
  leased,
  newPool,
  nth,
  postJobs,
  postManySingles,
  postSingles,
  putBack,
  queueOfFile,
  record,
  recordEach,
  recordOutcomes,
  recordPart,
  resume,
  take,
  takeAll,
} from "../engine.ts";
import { commit, openTransaction, until, untilBlocked } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

const refusedOf = async ({ sql }: Db) =>
  (await sql<{ refused: number }[]>`select refused from pdoflow.pool order by number`).map(
    ({ refused }) => refused,
  );

const recorded = ({ sql }: Db) => sql<{ seq: number; attempt: number; state: string }[]>`
  select seq, attempt, state from pdoflow.outcome order by posting_id, seq, attempt`;

const progressOf = async ({ sql }: Db) => [
  ...(await sql`select done, failed, cancelled, retrying, released from pdoflow.progress`),
];

describe("refusals", () => {
  test("L2: outcomes of a lease that was released, counted by the pool (O4)", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 3);
    await putBack(db, pool, jobs);
    expect(await record(db, pool, jobs)).toBe(3);
    expect(await recorded(db)).toHaveLength(0);
    expect(await refusedOf(db)).toEqual([3]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("L2: outcomes of another pool's lease", async () => {
    await using db = await freshQueue();
    const { jobs } = await leased(db, 2);
    expect(await record(db, await newPool(db), jobs)).toBe(2);
    expect(await recorded(db)).toHaveLength(0);
    expect(await refusedOf(db)).toEqual([0, 2]);
  });

  test("L2: outcomes of a lease that does not exist", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 1);
    expect(
      await record(
        db,
        pool,
        jobs.map((job) => ({ ...job, leaseId: 99 })),
      ),
    ).toBe(1);
    expect(await recorded(db)).toHaveLength(0);
  });

  test("no others of the same batch", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 2);
    await putBack(db, pool, jobs);
    const again = jobsOf(await take(db, pool));
    expect(await record(db, pool, [...jobs, ...again])).toBe(2);
    expect(await recorded(db)).toHaveLength(2);
    expect(await refusedOf(db)).toEqual([2]);
  });

  test("L2: another pool does not let go of a lease", async () => {
    await using db = await freshQueue();
    const { jobs } = await leased(db, 1);
    await recordOutcomes(db, await newPool(db), [], [nth(jobs, 0).leaseId]);
    expect([...(await db.sql`select active from pdoflow.lease`)]).toEqual([{ active: true }]);
  });

  test("U3: a job that was released while the rest of its lease was kept", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 2);
    await putBack(db, pool, jobs, jobs.slice(0, 1));
    expect(await recordPart(db, pool, jobs.slice(1))).toBe(1);
    expect(await brokenInvariants(db)).toEqual([]);
  });
});

test("U3: an attempt that its lease is not for is refused", async () => {
  await using db = await freshQueue();
  const { pool, jobs } = await leased(db, 1);
  expect(await recordPart(db, pool, [{ ...nth(jobs, 0), attempt: 2 }])).toBe(1);
  expect(await recorded(db)).toHaveLength(0);
});

describe("a batch that is sent twice because the answer was lost", () => {
  test("U1: changes nothing, and nothing of it is refused", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 4);
    const sent = jobs.slice(1);
    expect(await recordPart(db, pool, sent)).toBe(0);
    expect(await recordPart(db, pool, sent)).toBe(0);
    expect(await progressOf(db)).toMatchObject([{ done: 3 }]);
    expect(await refusedOf(db)).toEqual([0]);
  });

  test("U1: nor if the first sending had ended the lease", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 3);
    expect(await record(db, pool, jobs.slice(1))).toBe(0);
    expect(await record(db, pool, jobs.slice(1))).toBe(0);
    expect(await progressOf(db)).toMatchObject([{ done: 2 }]);
    expect(await refusedOf(db)).toEqual([0]);
  });

  test("is written once if both copies arrive at the same time", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 3);
    await using first = await openTransaction(db);
    await record(first, pool, jobs.slice(1), { state: "retried" });
    const second = record(db, pool, jobs.slice(1), { state: "retried" });
    await untilBlocked(db);
    await commit(first);
    expect(await second).toBe(0);
    expect(await progressOf(db)).toMatchObject([{ retrying: 2 }]);
    expect(await db.sql`select from pdoflow.retry`).toHaveLength(2);
  });

  test("makes no second retry", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 2);
    for (const _ of [1, 2]) await recordPart(db, pool, jobs, { state: "retried" });
    expect(await db.sql`select from pdoflow.retry`).toHaveLength(2);
    expect(await progressOf(db)).toMatchObject([{ retrying: 2 }]);
  });

  test("keeps the first report", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 2);
    const told = jobs.slice(0, 1);
    await recordPart(db, pool, told, { state: "done" });
    await recordPart(db, pool, told, { state: "failed" });
    expect([...(await recorded(db))]).toEqual([{ seq: 0, attempt: 1, state: "done" }]);
  });
});

describe("retries", () => {
  test("waits for its time, with the next attempt", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 1);
    await record(db, pool, jobs, { state: "retried", delayMs: 60_000 });
    const [retry] = await db.sql`
      select first_seq, end_seq, attempt, lost, extract(epoch from due_at - now())::float8 as s
      from pdoflow.retry`;
    expect(retry).toMatchObject({ firstSeq: 0, endSeq: 1, attempt: 2, lost: 0 });
    expect(retry?.["s"]).toBeWithin(50, 60);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("keeps its priority", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 3, { priorities: [-7, 0, 7] });
    await record(db, pool, jobsOf(await takeAll(db, pool)), { state: "retried" });
    const retries = await db.sql`select priority, first_seq from pdoflow.retry order by first_seq`;
    expect([...retries].map(({ priority }) => priority)).toEqual([7, 0, -7]);
  });

  test("Y2: waits without end while its posting is paused, and until it is resumed", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await leased(db, 1);
    await hold(db, id);
    await record(db, pool, jobs, { state: "retried" });
    expect([...(await db.sql`select due_at = 'infinity' as endless from pdoflow.retry`)]).toEqual([
      { endless: true },
    ]);
    expect(await take(db, pool)).toEqual([]);
    await resume(db, id);
    expect(await take(db, pool)).toHaveLength(1);
  });

  test("is cancelled if its posting was, which then ends", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await leased(db, 2);
    await cancel(db, id);
    await recordPart(db, pool, jobs.slice(0, 1), { state: "retried" });
    await record(db, pool, jobs.slice(1), { state: "done" });
    await finishStragglers(db);
    expect([...(await recorded(db))].map(({ state }) => state)).toEqual(["cancelled", "done"]);
    expect([...(await db.sql`select state, done, cancelled from pdoflow.posting`)]).toEqual([
      { state: "cancelled", done: 1, cancelled: 1 },
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test.each(["paused", "cancelled"])("sees a posting that is being %s", async (state) => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await leased(db, 2);
    await using stopping = await openTransaction(db);
    await (state === "paused" ? hold(stopping, id) : cancel(stopping, id));
    const recording = recordPart(db, pool, jobs.slice(0, 1), { state: "retried" });
    await untilBlocked(db);
    await commit(stopping);
    expect(await recording).toBe(0);
    expect(await brokenInvariants(db)).toEqual([]);
  });
});

describe("totals", () => {
  test("G1: each record adds one progress row with its counts", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 6);
    const states = ["done", "done", "failed", "retried", "cancelled"] as const;
    await recordEach(
      db,
      pool,
      jobs,
      states.map((state) => ({ state })),
    );
    expect(await progressOf(db)).toEqual([
      { done: 2, failed: 1, cancelled: 1, retrying: 1, released: 0 },
    ]);
  });

  test("P2: a posting whose jobs all end in one batch ends with it, without progress", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const ids = [...(await postSingles(db, 2)), await postJobs(db, 3)];
    const ended: number[] = [];
    await db.sql.listen("pdoflow.ended", (text) => ended.push(...text.split(" ").map(Number)));
    await record(db, pool, jobsOf(await takeAll(db, pool)));
    const postings = await db.sql`
      select id, state, done, ended_at is not null as ended from pdoflow.posting order by id`;
    expect([...postings]).toEqual(
      ids.map((id, n) => ({ id, state: "finished", done: [1, 1, 3][n], ended: true })),
    );
    expect(await progressOf(db)).toEqual([]);
    await until("all ends are notified", () => ended.length === 3);
    expect(ended.sort((a, b) => a - b)).toEqual(ids);
  });

  test("a batch that ends many postings notifies the waiters of each, 400 at a time", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const first = await postManySingles(db, 1_201);
    const texts: string[] = [];
    await db.sql.listen("pdoflow.ended", (text) => texts.push(text));
    await record(db, pool, jobsOf(await takeAll(db, pool)));
    const ids = () => texts.flatMap((text) => text.split(" ").map(Number));
    await until("all ends are notified", () => ids().length === 1_201);
    expect(ids().sort((a, b) => a - b)).toEqual(
      Array.from({ length: 1_201 }, (_, place) => first + place),
    );
    expect(texts).toHaveLength(4);
  });

  test.each(["done", "retried"] as const)(
    "the rows of postings are locked in their order (%s)",
    async (state) => {
      await using db = await freshQueue();
      const pool = await newPool(db);
      const first = await postManySingles(db, 300);
      const jobs = jobsOf(await takeAll(db, pool)).toReversed();
      await using holding = await openTransaction(db);
      await holding.sql`select from pdoflow.posting where id = ${first + 200} for update`;
      await using recorder = connect(db.target, { connections: 1 });
      const recorded = record(recorder, pool, jobs, { state });
      await untilBlocked(db);
      const free = await db.sql<{ id: number }[]>`
      select id from pdoflow.posting order by id for update skip locked`;
      expect(free.map(({ id }) => id)).toEqual(
        Array.from({ length: 99 }, (_, place) => first + 201 + place),
      );
      await commit(holding);
      await recorded;
    },
  );

  test.each(["released", "retried"])("G2: nor if its job had been %s before", async (how) => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 1);
    if (how === "retried") await record(db, pool, jobs, { state: "retried" });
    else await putBack(db, pool, jobs);
    await record(db, pool, jobsOf(await take(db, pool)));
    await finishStragglers(db);
    expect([...(await db.sql`select state, done from pdoflow.posting`)]).toEqual([
      { state: "finished", done: 1 },
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
  });
});

test("outcomes of adjacent retries, which are ranges of their own, are one run", async () => {
  await using db = await freshQueue();
  const { pool, jobs } = await leased(db, 5);
  const retried = { state: "retried" as const };
  await recordEach(
    db,
    pool,
    jobs.filter(({ seq }) => seq !== 3),
    Array.from({ length: 4 }, () => retried),
  );
  expect(await record(db, pool, jobsOf(await take(db, pool)))).toBe(0);
  const runs = await db.sql`
    select first_seq, end_seq from pdoflow.outcome_run where attempt = 2 order by first_seq`;
  expect([...runs]).toEqual([
    { firstSeq: 0, endSeq: 3 },
    { firstSeq: 4, endSeq: 5 },
  ]);
});
