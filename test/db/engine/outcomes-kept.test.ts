import { expect, test } from "bun:test";

import { leased, nth, queueOfFile, record, recordEach, recordPart, refusal } from "../engine.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

const texts = [
  '"äöü 漢字 🦆 \u2028 \\u0001"',
  '"quote \\" backslash \\\\ newline \\n brace {} comma , NULL"',
  '{"snake_case": {"$date": 1}, "": [null, true, 1e300]}',
  "null",
  JSON.stringify("x".repeat(500_000)),
];

test("results and errors of any JSON text, large ones too", async () => {
  await using db = await freshQueue();
  const { pool, jobs } = await leased(db, texts.length + 1);
  await recordEach(
    db,
    pool,
    jobs,
    texts.map((text) => ({ result: text, error: text })),
  );
  const kept = await db.sql<{ result: string; error: string }[]>`
    select result::text as result, error::text as error from pdoflow.outcome order by seq`;
  for (const [place, text] of texts.entries()) {
    expect(kept[place]?.result).toBe(text); // as it came, the keys in their order
    expect(JSON.parse(kept[place]?.error ?? "")).toEqual(JSON.parse(text));
  }
});

test("no result is null, and the result null is not", async () => {
  await using db = await freshQueue();
  const { pool, jobs } = await leased(db, 2);
  await recordEach(db, pool, jobs, [{ result: null }, { result: "null" }]);
  const kept = await db.sql`select result is null as none from pdoflow.outcome order by seq`;
  expect([...kept].map(({ none }) => none)).toEqual([true, false]);
});

test("U3, U4: its lease, its worker, how long it took, and when it ended", async () => {
  await using db = await freshQueue();
  const { pool, jobs } = await leased(db, 1);
  await record(db, pool, jobs, { ageMs: 90_000, durationMs: 12.5, workerPid: 4321 });
  const [kept] = await db.sql`
    select lease_id, worker_pid, duration_ms,
           extract(epoch from clock_timestamp() - ended_at)::float8 as age_s
    from pdoflow.outcome`;
  expect(kept).toMatchObject({
    leaseId: nth(jobs, 0).leaseId,
    workerPid: 4321,
    durationMs: 12.5,
  });
  expect(kept?.["ageS"]).toBeWithin(90, 100);
});

test("U2: done, failed and cancelled end a job, and retried does not", async () => {
  await using db = await freshQueue();
  const { pool, jobs } = await leased(db, 5);
  for (const [seq, state] of (["done", "failed", "cancelled", "retried"] as const).entries()) {
    await recordPart(db, pool, jobs.slice(seq, seq + 1), { state });
  }
  const statuses = await db.sql`select status from pdoflow.job_status order by seq`;
  expect([...statuses].map(({ status }) => status)).toEqual([
    "done",
    "failed",
    "cancelled",
    "retrying",
    "running",
  ]);
});

test("nothing of a batch is written if jsonb refuses one of its results", async () => {
  await using db = await freshQueue();
  const { pool, jobs } = await leased(db, 2);
  const ends = [{ result: '"good"' }, { result: '"\\u0000"' }];
  expect(await refusal(recordEach(db, pool, jobs, ends))).toContain("unsupported Unicode");
  expect(await db.sql`select from pdoflow.outcome`).toHaveLength(0);
  expect(await brokenInvariants(db)).toEqual([]);
});
