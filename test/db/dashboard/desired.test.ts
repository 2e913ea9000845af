// The number of worker slots that autoscalers read. test/db/model compares it with a count of jobs.
import { expect, test } from "bun:test";
import * as fc from "fast-check";

import { finishPostings } from "../../../src/db/engine/outcomes.ts";
import { setLimits } from "../../../src/db/engine/control.ts";
import { type Desired, readDesired, type ScaledPools } from "../../../src/db/dashboard/desired.ts";
import { type Need, type Provides, unmetNeeds } from "../../../src/domain/capabilities.ts";
import type { Db } from "../../../src/db/connection/connect.ts";
import {
  hold,
  jobsOf,
  leased,
  newPool,
  postJobs,
  postManySingles,
  queueOfFile,
  record,
  take,
} from "../engine.ts";
import { openTransaction } from "../locks.ts";

const freshQueue = queueOfFile();

const desired = (db: Db, of: Partial<ScaledPools> = {}): Promise<Desired> =>
  readDesired(db, { provides: null, project: null, slots: 1, ...of });
const slots = async (db: Db, of: Partial<ScaledPools> = {}) => (await desired(db, of)).slots;

test("running jobs and jobs that could be claimed count, and ended ones do not", async () => {
  await using db = await freshQueue();
  expect(await desired(db)).toEqual({ slots: 0, pools: 0 });
  const { pool, jobs } = await leased(db, 10);
  expect(await desired(db, { slots: 4 })).toEqual({ slots: 10, pools: 3 });
  await record(db, pool, jobs.slice(0, 3));
  expect(await slots(db)).toBe(7);
  await record(db, pool, jobs.slice(3));
  const [row] = await db.sql`select pdoflow.desired_pools(null, 0) as none`;
  expect(row).toEqual({ none: 1 }); // all jobs have ended, and a pool must end the posting
  await finishPostings(db, [1]);
  expect(await slots(db)).toBe(0);
});

const M = 2 ** 20;

test("only jobs of routes that such pools serve count", async () => {
  await using db = await freshQueue();
  await postJobs(db, 1);
  await postJobs(db, 2, { needs: [["gpu", "has"]] });
  await postJobs(db, 4, { needs: [["mem", ">=", 100 * M]], project: "a" });
  await postJobs(db, 8, { project: "b" });
  await postJobs(db, 16, { run: "of one pool only" });
  expect(await slots(db)).toBe(15);
  expect(await slots(db, { provides: {} })).toBe(9);
  expect(await slots(db, { provides: { gpu: true, mem: 99 * M } })).toBe(11);
  expect(await slots(db, { provides: { mem: 100 * M } })).toBe(13);
  expect(await slots(db, { project: "a" })).toBe(7);
  const [row] = await db.sql`select pdoflow.desired_slots('"gpu"') as odd,
    pdoflow.desired_pools('{"gpu": true}', 4) as pools, pdoflow.desired_slots('null') as any`;
  expect(row).toEqual({ odd: 9, pools: 3, any: 15 });
});

test("jobs that wait, are paused or start later do not count", async () => {
  await using db = await freshQueue();
  const first = await postJobs(db, 1);
  await postJobs(db, 9, { after: [{ posting: first, kind: "after" }] });
  await postJobs(db, 9, { runAt: "9000-01-01T00:00:00Z" });
  await hold(db, await postJobs(db, 9));
  expect(await slots(db)).toBe(1);
});

test("a posting whose time has come counts, although no pool is left to open it", async () => {
  await using db = await freshQueue();
  const id = await postJobs(db, 9, { runAt: "9000-01-01T00:00:00Z" });
  await db.sql`update pdoflow.posting set run_at = now() where id = ${id}`;
  expect(await slots(db)).toBe(9);
});

test("one slot is wanted if an edge is met or a deadline has passed, and no pool is left", async () => {
  await using db = await freshQueue();
  const first = await postJobs(db, 1);
  const next = await postJobs(db, 9, { after: [{ posting: first, kind: "after" }] });
  const pool = await newPool(db);
  await record(db, pool, jobsOf(await take(db, pool)));
  await finishPostings(db, [first]);
  expect(await slots(db)).toBe(1);
  await db.sql`update pdoflow.edge set lapsed = true`;
  expect(await slots(db)).toBe(0);
  await db.sql`update pdoflow.posting set deadline = now() where id = ${next}`;
  expect(await slots(db)).toBe(1);
});

test("one slot is wanted while the fire of a schedule is due", async () => {
  await using db = await freshQueue();
  await db.sql`
    insert into pdoflow.schedule (name, poster, timing, entry_point, jobs, job_count, nominal_at, fires_at)
    values ('nightly', 'ada', '0 3 * * *', 'a.ts#f', '[[]]', 1, now() + interval '1 h',
            now() + interval '1 h')`;
  expect(await slots(db)).toBe(0);
  await db.sql`update pdoflow.schedule set nominal_at = now(), fires_at = now()`;
  expect(await slots(db)).toBe(1);
});

test("a due prune wants no pool: only pools of the owner prune, and others would stay", async () => {
  await using db = await freshQueue();
  await db.sql`select pdoflow.schedule_prune('prune', '@daily', '{"olderThanMs": 0}')`;
  await db.sql`update pdoflow.schedule set nominal_at = now(), fires_at = now()`;
  expect(await slots(db)).toBe(0);
});

test("a limit cuts what counts, and a rate what starts besides running jobs", async () => {
  await using db = await freshQueue();
  const { id } = await leased(db, 5);
  await setLimits(db, [id], { maxRunning: 2 });
  const often = await postJobs(db, 100);
  await setLimits(db, [often], { maxRate: "10/s" });
  expect(await slots(db)).toBe(12);
  const pool = await newPool(db);
  await take(db, pool, { cap: 3, skip: [id] });
  expect(await slots(db)).toBe(2 + 3 + 10);
  await setLimits(db, [often], { maxRate: "10/h" });
  expect(await slots(db)).toBe(2 + 3 + 7);
});

test("the figures for 2,000 open postings are read without their jobs and without a scan", async () => {
  await using db = await freshQueue();
  await postManySingles(db, 2_000);
  await using tx = await openTransaction(db);
  expect(await slots(tx)).toBe(2_000);
  const read = await tx.sql<{ name: string; scans: number; rows: number }[]>`
    select relname::text as name, seq_scan::integer as scans,
           (seq_tup_read + idx_tup_fetch)::integer as rows
    from pg_stat_xact_user_tables where seq_scan + idx_tup_fetch > 0 and relname <> 'migration'`;
  expect(read.filter(({ name }) => /^(job|outcome_run|lease)/.test(name))).toEqual([]);
  expect(read.filter(({ scans, rows }) => scans > 0 || rows > 6_100)).toEqual([]);
});

test("pools are counted by the amounts that jobs take, if these need more pools than slots", async () => {
  await using db = await freshQueue();
  await postJobs(db, 100);
  await postJobs(db, 10, { needs: [["gpu", "=", 1]] });
  await postJobs(db, 4, {
    needs: [
      ["gpu", "=", 0.5],
      ["mem", "=", 3 * M],
    ],
  });
  const provides = { gpu: ["0", "1"], mem: 64 * M };
  expect(await desired(db, { provides, slots: 16 })).toEqual({ slots: 114, pools: 8 });
  expect(await desired(db, { provides, slots: 64 })).toEqual({ slots: 114, pools: 6 });
  expect(await desired(db, { provides: { ...provides, mem: 3 * M }, slots: 64 })).toEqual({
    ...{ slots: 114, pools: 6 },
  });
  const small = { gpu: ["0"], mem: 3 * M };
  expect(await desired(db, { provides: small, slots: 64 })).toEqual({ slots: 114, pools: 12 });
  expect(await desired(db, { slots: 64 })).toEqual({ slots: 114, pools: 2 });
  const [row] = await db.sql`select pdoflow.desired_pools(${db.sql.json(small)}, 64) as pools`;
  expect(row).toEqual({ pools: 12 });
});

const key = fc.constantFrom("gpu", "mem", "constructor", "a.b");
const value = fc.constantFrom(0, 1, 2.5, 64, "a100", "1");
const need: fc.Arbitrary<Need> = fc.oneof(
  key.map((name): Need => [name, "has"]),
  fc.tuple(key, value).map(([name, of]): Need => [name, "=", of]),
  fc.tuple(key, fc.constantFrom(0, 1, 2, 100)).map(([name, of]): Need => [name, ">=", of]),
);
const provides: fc.Arbitrary<Provides> = fc.dictionary(
  key,
  fc.oneof(value, fc.constant(true as const), fc.constantFrom(["0"], ["0", "1", "7"])),
);

test("the server and the program agree on which pools meet which needs", async () => {
  await using db = await freshQueue();
  const cases = fc.sample(fc.tuple(provides, fc.array(need, { maxLength: 3 })), {
    seed: 7,
    numRuns: 500,
  });
  const rows = await db.sql<{ isMet: boolean }[]>`
    select pdoflow.meets(c -> 0, c -> 1) as is_met
    from jsonb_array_elements(${JSON.stringify(cases)}::text::jsonb) with ordinality as j (c, n)
    order by n`;
  const expected = cases.map(([pool, needs]) => unmetNeeds(needs, pool).length === 0);
  const wrong = cases.filter((_, i) => rows[i]?.isMet !== expected[i]);
  expect(wrong).toEqual([]);
  expect(new Set(expected).size).toBe(2);
});
