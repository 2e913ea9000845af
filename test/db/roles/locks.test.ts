// An open transaction delays nobody else's jobs by the locks of its calls.
import { afterAll, beforeAll, expect, test } from "bun:test";

import { type Db } from "../../../src/db/connection/connect.ts";
import { jobsOf, newPool, nth, postJobs, record, recordPart, rescue, take } from "../engine.ts";
import { type Roles, withRoles } from "./roles.ts";

let roles: Roles;
/** May run her own jobs alone. */
let eve: Db;
let evesPool: number;
/** Ada's: all jobs claimed, one ended; all ended but not finished; due; of a pool that is dead. */
let ids: number[];
/** The lease of the first of them. */
let leaseId: number;

beforeAll(async () => {
  roles = await withRoles("ada", "eve", "pool");
  await roles.grant("ada", "poster");
  await roles.grant("eve", "poster");
  await roles.grant("eve", "pool", { posters: [] });
  await roles.grant("pool", "pool");
  eve = await roles.as("eve");
  const [ada, pool] = [await roles.as("ada"), await roles.as("pool")];
  evesPool = await newPool(eve);
  const [alive, dead] = [await newPool(pool), await newPool(pool)];
  const running = await postJobs(ada, 3);
  const jobs = jobsOf(await take(pool, alive));
  ({ leaseId } = nth(jobs, 0));
  for (let n = 0; n < 60; n++) await recordPart(pool, alive, [nth(jobs, 0)]);
  await roles.db.sql`insert into pdoflow.progress (posting_id, done, failed, cancelled, retrying)
    select ${running}, 0, 0, 0, 0 from generate_series(1, 60)`;
  const lost = await postJobs(ada, 3);
  await take(pool, dead);
  await roles.db
    .sql`update pdoflow.pool set heartbeat_at = now() - interval '2 h' where id = ${dead}`;
  const due = await postJobs(ada, 1, { runAt: new Date(Date.now() + 1e7).toISOString() });
  await roles.db.sql`update pdoflow.posting set run_at = now() where id = ${due}`;
  ids = [running, lost, due];
  await roles.db.sql`insert into pdoflow.permit (posting_id, starts_by, jobs)
    values (${running}, now() - interval '1 h', 1)`;
});

afterAll(() => roles[Symbol.asyncDispose]());

/** What of others is locked just now, by the table. */
async function locked(): Promise<string[]> {
  const found: string[] = [];
  for (const table of ["posting", "lane", "lease", "pool", "progress", "permit", "retry"]) {
    const name = roles.db.sql(`pdoflow.${table}`);
    const count = async (skips: boolean) => {
      const which = table === "pool" ? roles.db.sql`where id <> ${evesPool}` : roles.db.sql``;
      const how = skips ? roles.db.sql`for update skip locked` : roles.db.sql``;
      return (await roles.db.sql`select from ${name} ${which} ${how}`).length;
    };
    if ((await count(true)) < (await count(false))) found.push(table);
  }
  return found;
}

const calls: [string, (db: Db, id: number) => Promise<unknown>][] = [
  ["record as a retry", (db, id) => recordAs(db, id, "retried")],
  ["record as the whole", (db, id) => recordAs(db, id, "done")],
  ["finish", ({ sql }, id) => sql`select pdoflow.pool_finish(array[${id}]::bigint[])`],
  ["finish stragglers", ({ sql }) => sql`select pdoflow.pool_finish_stragglers()`],
  ["rescue", ({ sql }) => sql`select pdoflow.pool_rescue()`],
  ["fold", ({ sql }) => sql`select pdoflow.pool_fold()`],
  ["start what is due", ({ sql }) => sql`select pdoflow.pool_start_due()`],
  ["stop", ({ sql }, id) => sql`select pdoflow.pool_stop_posting(array[${id}]::bigint[], 'x')`],
  ["claim", (db) => take(db, evesPool, { oldest: true })],
  ["cancel", ({ sql }, id) => sql`select pdoflow.cancel(array[${id}]::bigint[])`],
  ["post", (db) => postJobs(db, 1)],
];

const recordAs = (db: Db, postingId: number, state: "retried" | "done") =>
  record(
    db,
    evesPool,
    [0, 1, 2].map((seq) => ({ leaseId, postingId, seq, attempt: 1 })),
    { state },
  );

test.each(calls)("%s in a transaction that stays open locks nothing of others", async (_, call) => {
  for (const id of ids) {
    await eve.sql`begin`;
    await eve.sql`savepoint s`;
    await call(eve, id).catch(() => eve.sql`rollback to s`); // refused, which is as well
    const held = await locked();
    await eve.sql`rollback`;
    expect(held).toEqual([]);
  }
});

test("a pool that may only run some jobs only waits for these, and only rescues pools without others", async () => {
  const next = async () => {
    const [row] = await eve.sql<{ startMs: number | null }[]>`
      select start_ms from pdoflow.pool_next_ms(array(select id from pdoflow.route), '{}', null)`;
    return row?.startMs ?? null;
  };
  expect(await next()).toBeNull(); // one of Ada's is due
  await postJobs(eve, 1, { runAt: new Date(Date.now() + 1e7).toISOString() });
  expect(await next()).toBeGreaterThan(0);
  const dead = await newPool(eve);
  await postJobs(eve, 2);
  expect(await take(eve, dead)).toHaveLength(1);
  await roles.db
    .sql`update pdoflow.pool set heartbeat_at = now() - interval '2 h' where id = ${dead}`;
  expect(await rescue(eve)).toMatchObject([{ poolId: dead, jobs: 2 }]);
});
