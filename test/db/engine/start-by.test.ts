// Times by which jobs begin (P17) or end (P12). The numbers are those of the table of cases in
// docs/flows.md.
import { describe, expect, setSystemTime, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { startDue } from "../../../src/db/engine/starts.ts";
import type { NewPosting } from "../../../src/db/posting/insert.ts";
import { insideOf } from "../acts.ts";
import { jobsOf, newPool, postJobs, queueOfFile, recordPart, take } from "../engine.ts";
import { commit, openTransaction, untilBlockedOrDone } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

/** As if this much time had passed since posting. */
const pass = ({ sql }: Db, time: string) => sql`
  update pdoflow.posting
  set deadline = deadline - ${time}::interval, start_by = start_by - ${time}::interval`;

const stateOf = async ({ sql }: Db, id: number) =>
  (await sql`select state, reason from pdoflow.posting where id = ${id}`)[0];

const open = { state: "open", reason: null };
const unbegun = { state: "cancelled", reason: "none of its jobs had begun in time (start by)" };
const startBy = 3_600_000;

describe("P17: a posting of which no job has begun in time is cancelled", () => {
  test.each<[string, Partial<NewPosting>]>([
    ["without a pool", {}],
    ["before its run-at time", { runAt: "9000-01-01T00:00:00Z" }],
  ])("%s", async (_what, options) => {
    await using db = await freshQueue();
    const id = await postJobs(db, 3, { ...options, startBy });
    await pass(db, "59 min");
    await startDue(db);
    expect(await stateOf(db, id)).toEqual(open);
    await pass(db, "1 min");
    await startDue(db);
    expect(await stateOf(db, id)).toEqual(unbegun);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("23: also while it waits, is blocked or is paused", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const upstreams = [await postJobs(db, 1), await postJobs(db, 1)];
    const late = [];
    for (const posting of upstreams) {
      late.push(await postJobs(db, 1, { after: [{ posting, kind: "after" }], startBy }));
    }
    late.push(await postJobs(db, 1, { startBy }));
    await db.sql`select pdoflow.pause(${late[2] ?? 0}::bigint)`;
    const failed = { state: "failed", error: '{"name": "Error"}' } as const;
    await recordPart(db, pool, jobsOf(await take(db, pool)).slice(1), failed);
    expect(await db.sql`select from pdoflow.obstacles(${late[1] ?? 0})`).toHaveLength(1);
    await pass(db, "1 h");
    await startDue(db);
    for (const id of late) expect(await stateOf(db, id)).toEqual(unbegun);
  });

  test("not if a job has begun, however long the others take", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const id = await postJobs(db, 3, { startBy, maxRunning: 1 });
    await take(db, pool, { cap: 1 });
    await pass(db, "2 h");
    await startDue(db);
    expect(await stateOf(db, id)).toEqual(open);
    expect(await db.sql`select start_by from pdoflow.posting`).toMatchObject([{ startBy: null }]);
  });

  test("a claim at the same moment counts, and its jobs go on", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const id = await postJobs(db, 2_000, { startBy });
    await pass(db, "1 h");
    await using other = await openTransaction(db);
    await take({ ...other, sql: insideOf(other.sql) }, pool, { cap: 1 });
    const deciding = startDue(db);
    await untilBlockedOrDone(db, deciding);
    await commit(other);
    await deciding;
    expect(await stateOf(db, id)).toEqual(open);
  });
});

test("24: it is cancelled with the first heartbeat after a time without pools", async () => {
  await using db = await freshQueue();
  const [ends, begins] = [
    await postJobs(db, 1, { deadline: 3_600_000 }),
    await postJobs(db, 1, { startBy }),
  ];
  await pass(db, "30 d");
  await startDue(db);
  expect(await stateOf(db, ends)).toEqual({ state: "cancelled", reason: "its deadline passed" });
  expect(await stateOf(db, begins)).toEqual(unbegun);
});

test("25: 6h is 6 hours after posting by the database's clock, whatever a client's is", async () => {
  await using db = await freshQueue();
  setSystemTime(new Date("2001-01-01T00:00:00Z"));
  try {
    await postJobs(db, 1, { deadline: 21_600_000, startBy: 60_000 });
  } finally {
    setSystemTime();
  }
  expect(
    await db.sql`
      select extract(epoch from deadline - posted_at)::integer as ends,
             extract(epoch from start_by - posted_at)::integer as begins,
             posted_at > now() - interval '1 min' as is_now from pdoflow.posting`,
  ).toMatchObject([{ ends: 21_600, begins: 60, isNow: true }]);
});
