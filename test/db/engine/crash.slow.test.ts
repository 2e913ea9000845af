// A claim does not wait for the disk: a server that crashes right after it has forgotten the lease.
import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { migrate } from "../../../src/db/admin/migrations.ts";
import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { draftChild } from "../../../src/db/engine/children.ts";
import { finishPostings, recordRuns, runOf } from "../../../src/db/engine/outcomes.ts";
import { ensureServer } from "../../../src/server/server.ts";
import { temporaryPlace } from "../../server/place.ts";
import { jobsOf, newPool, nth, outcome, postJobs, postSingles, record, take } from "../engine.ts";
import { brokenInvariants } from "../invariants.ts";

const place = temporaryPlace();
afterAll(() => place[Symbol.asyncDispose]());

async function open(): Promise<Db> {
  const { host, port, username: user, database } = await ensureServer(place);
  const target = { host, port, user, database, password: undefined, tls: false as const };
  const db = connect({ ...target, schema: "pdoflow", source: "a test" }, { connections: 1 });
  await migrate(db);
  return db;
}

/** Does the work, and kills the server before anything that was not waited for is on disk. */
async function crashAfter<T>(db: Db, work: () => Promise<T>): Promise<T> {
  const [row] = await db.sql<{ pid: number }[]>`
    select pid from pg_stat_activity where backend_type = 'walwriter'`;
  const writer = row?.pid ?? -1;
  process.kill(writer, "SIGSTOP");
  const result = await work();
  const [pid] = readFileSync(join(place.data, "postmaster.pid"), "utf8").split("\n");
  process.kill(Number(pid), "SIGKILL");
  process.kill(writer, "SIGKILL");
  await db.abort();
  return result;
}

const leases = async ({ sql }: Db) =>
  (await sql<{ id: number }[]>`select id from pdoflow.lease`).map(({ id }) => id);

test("a claim that a crash forgets: its outcomes are refused, and each job ends once", async () => {
  const before = await open();
  const posting = await postJobs(before, 2);
  const pool = await newPool(before);
  const lost = await crashAfter(before, () => take(before, pool));
  await using db = await open();
  expect(await leases(db)).toEqual([]);
  expect(await record(db, pool, jobsOf(lost))).toBe(2);
  const again = await take(db, pool);
  expect(await record(db, pool, jobsOf(lost))).toBe(2);
  expect(await record(db, pool, jobsOf(again))).toBe(0);
  await finishPostings(db, [posting]);
  const [row] = await db.sql`
    select p.state, p.done, (select count(*) from pdoflow.outcome)::int as outcomes
    from pdoflow.posting p where id = ${posting}`;
  expect(row).toEqual({ state: "finished", done: 2, outcomes: 2 });
}, 60_000);

test("L5: the last outcomes of a forgotten claim end no later claim", async () => {
  const before = await open();
  await postSingles(before, 20);
  const pool = await newPool(before);
  await before.sql`checkpoint`; // else the server has numbers in reserve, which it does not use
  const lost = await crashAfter(before, () => take(before, pool));
  await using db = await open();
  for (let count = 0; count < 20; count++) await postJobs(db, 1, { priority: 1 });
  const other = await take(db, pool, { cap: 20 }); // with the number of the forgotten one
  expect(await record(db, pool, jobsOf(lost))).toBe(20);
  expect(await brokenInvariants(db)).toEqual([]);
  for (const jobs of [other, await take(db, pool)]) {
    expect(await record(db, pool, jobsOf(jobs))).toBe(0);
  }
}, 60_000);

test("P5: a claim of a posting with limits survives the crash", async () => {
  const before = await open();
  await postJobs(before, 2, { maxRunning: 1 });
  const pool = await newPool(before);
  const claimed = await crashAfter(before, () => take(before, pool, { cap: 1 }));
  await using db = await open();
  expect(await leases(db)).toContain(claimed[0]?.leaseId ?? -1);
}, 60_000);

test("C1: a draft is on disk with the claim of its job, and is posted with the outcome", async () => {
  const before = await open();
  await postJobs(before, 1);
  const pool = await newPool(before);
  const call = { number: 0, entryPoint: "child.ts#main", options: "{}", jobs: "[1]" };
  const { job, child } = await crashAfter(before, async () => {
    const job = nth(jobsOf(await take(before, pool)), 0);
    return { job, child: await draftChild(before, pool, job, call) };
  });
  await using db = await open();
  expect(await draftChild(db, pool, job, call)).toBe(child);
  const run = runOf(outcome(job), performance.now());
  expect(await recordRuns(db, pool, [run], [job.leaseId], [child])).toBe(0);
  expect((await take(db, pool)).map(({ postingId }) => postingId)).toEqual([child]);
  expect(await brokenInvariants(db)).toEqual([]);
}, 60_000);
