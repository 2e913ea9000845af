// A poster with many distinct options slows down nobody else.
import { afterAll, beforeAll, expect, test } from "bun:test";

import { type Db, errorCode } from "../../../src/db/connection/connect.ts";
import { prune } from "../../../src/db/admin/prune.ts";
import { readRoutes } from "../../../src/db/engine/routes.ts";
import { readVariables } from "../../../src/db/read/variables.ts";
import { cancel, jobsOf, newPool, postJobs, record, refusal, take } from "../engine.ts";
import { openTransaction } from "../locks.ts";
import { all } from "../admin/retention.ts";
import { type Roles, trying, withRoles } from "../roles/roles.ts";

let roles: Roles;
let eve: Db;
let bob: Db;
let pool: Db;
/** Runs eve's jobs as well as its own. */
let evesPool: Db;

beforeAll(async () => {
  roles = await withRoles("eve", "bob", "pool", "evesPool");
  await roles.grant("eve", "poster");
  await roles.grant("bob", "poster");
  await roles.grant("pool", "pool");
  await roles.grant("evesPool", "pool", { posters: [roles.nameOf("eve")] });
  eve = await roles.as("eve");
  bob = await roles.as("bob");
  pool = await roles.as("pool");
  evesPool = await roles.as("evesPool");
  // Until the commit of a row is flushed, vacuum marks no page as visible to all, and index-only
  // scans read the table, too. The commits of the vacuum itself count, so `checkpoint` is no help.
  await roles.db.sql`set synchronous_commit = on`;
  // As if she had posted and cancelled each of them.
  await roles.db.sql`
    insert into pdoflow.route (poster, poster_os)
    select ${roles.nameOf("eve")}, 'u' || n from generate_series(1, 5000) as n`;
  await roles.db.sql`select pdoflow.open_span(5000)`;
  await roles.db.sql`
    insert into pdoflow.posting (entry_point, job_count, route_id, state, ended_at, cancelled)
    select 'a.ts#f', 1, id, 'cancelled', now(), 1 from pdoflow.route`;
  await roles.db.sql`vacuum analyze`;
});

afterAll(() => roles[Symbol.asyncDispose]());

/** How many rows of the tables that grow with routes were read by something done eight times. */
const read = (db: Db, act: (db: Db) => PromiseLike<unknown>) =>
  trying(db, async () => {
    for (let n = 0; n < 8; n++) await act(db);
    const [row] = await db.sql<{ rows: number }[]>`
      select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::float8 as rows
      from pg_stat_xact_user_tables
      where schemaname = 'pdoflow' and relname in ('route', 'posting', 'grantee', 'lane')`;
    return row?.rows ?? Infinity;
  });

test("a pool reads only routes with open postings, of 5,000 with ended ones", async () => {
  const id = await postJobs(bob, 1);
  expect((await readRoutes(pool)).map(({ poster }) => poster)).toEqual([roles.nameOf("bob")]);
  expect(await read(pool, (db) => readRoutes(db))).toBeLessThan(500);
  expect(await read(evesPool, (db) => readRoutes(db))).toBeLessThan(500);
  await cancel(bob, id);
});

test("a claim by a role that may run few postings reads no more for that", async () => {
  const id = await postJobs(eve, 10);
  const [route] = await readRoutes(evesPool);
  const own = await newPool(evesPool);
  const claim = (db: Db) => take(db, own, { routes: [route?.id ?? 0], cap: 1 });
  expect(await read(evesPool, claim)).toBeLessThan(500);
  await cancel(eve, id);
});

test("posting reads no more for it", async () => {
  expect(await read(bob, (db) => postJobs(db, 1))).toBeLessThan(500);
});

test("a role has open postings of at most 500 routes", async () => {
  const post = (n: number | string) => eve.sql`
    select pdoflow.post('a.ts#f', '[[1]]', jsonb_build_object('osUser', 'u' || ${n}::text))`;
  const needs = eve.sql`
    select pdoflow.post('a.ts#f', '[[1]]', '{"needs": [["gpu", "has"]]}') as id`;
  await roles.db.sql`
    insert into pdoflow.posting (entry_point, job_count, route_id)
    select 'a.ts#f', 1, id from pdoflow.route
    where poster_os = any (array(select 'u' || n from generate_series(1, 498) as n))`;
  await post(499);
  await post(500);
  expect(await refusal(post("a new one"))).toContain("fewer than 500 different combinations of");
  expect(await refusal(post(501))).toContain("fewer than 500"); // its route is there, and not open
  expect(await refusal(needs)).toContain("fewer than 500");
  expect(await post(7)).toHaveLength(1);
  expect(await postJobs(bob, 1)).toBeGreaterThan(0);
  await roles.db.sql`
    update pdoflow.posting set state = 'cancelled', cancelled = 1, ended_at = now()
    where ended_at is null and id not in (select posting_id from pdoflow.lane)`;
  expect(await post(501)).toHaveLength(1);
});

test("R3: prune deletes the routes that no posting has, and none of a posting that begins", async () => {
  await eve.sql`
    select pdoflow.cancel(array(select id from pdoflow.postings where ended_at is null))`;
  await bob.sql`
    select pdoflow.cancel(array(select id from pdoflow.postings where ended_at is null))`;
  await using open = await openTransaction(roles.db);
  await open.sql`select pdoflow.find_route('u7', '[]', '', '')`;
  await open.sql`set session authorization ${open.sql(roles.nameOf("eve"))}`;
  await open.sql`select pdoflow.post('a.ts#f', '[[1]]', '{"osUser": "u7"}')`;
  await prune(roles.db, all);
  await open.sql`commit`;
  const routes = async () =>
    (
      await roles.db.sql<{ name: string }[]>`
      select poster_os as name from pdoflow.route
      where poster = ${roles.nameOf("eve")} order by 1`
    ).map(({ name }) => name);
  expect(await routes()).toEqual(["u7"]);
  const own = await newPool(pool);
  expect(await record(pool, own, jobsOf(await take(pool, own)))).toBe(0);
  await prune(roles.db, all);
  expect(await routes()).toEqual([]);
  expect(await postJobs(eve, 1, { osUser: "u7" })).toBeGreaterThan(0);
});

test("V2: a role has at most 1,000 variables, and others read none of them", async () => {
  await eve.sql`select pdoflow.set_variable('v' || n, '1') from generate_series(1, 1000) as n`;
  const more = eve.sql`select pdoflow.set_variable('more', '1')`;
  expect(await more.catch(errorCode)).toBe("PF001");
  await eve.sql`select pdoflow.set_variable('v7', '2')`;
  await roles.db.sql`vacuum analyze pdoflow.variable`;
  await bob.sql`set enable_seqscan = off`;
  await trying(bob, async (db) => {
    expect(await readVariables(db, null)).toHaveLength(0);
    const [row] = await db.sql<{ rows: number }[]>`
      select (seq_tup_read + idx_tup_fetch)::float8 as rows from pg_stat_xact_user_tables
      where schemaname = 'pdoflow' and relname = 'variable'`;
    expect(row?.rows).toBe(0);
  });
});

test("names and keys of one poster are looked up by index by the others", async () => {
  await roles.db.sql`select pdoflow.open_span(5000)`;
  await roles.db.sql`
    with posted as (
      insert into pdoflow.posting (entry_point, name, job_count, route_id, state, ended_at, cancelled)
      select 'a.ts#f', 'n' || n, 1, (select max(id) from pdoflow.route), 'cancelled', now(), 1
      from generate_series(1, 5000) as n returning id),
    keys as (
      insert into pdoflow.posting_key (poster, poster_os, key, posting_id)
      select ${roles.nameOf("eve")}, '', 'k' || id, id from posted)
    insert into pdoflow.job_key (poster, poster_os, key, posting_id)
    select ${roles.nameOf("eve")}, '', 'k' || id, id from posted`;
  await roles.db.sql`vacuum analyze`;
  let n = 0;
  const post = (db: Db) => {
    const key = `own${++n}`;
    return postJobs(db, 1, { name: "n7", key, jobKey: key });
  };
  await trying(bob, async (db) => {
    for (let times = 0; times < 8; times++) await post(db);
    const [row] = await db.sql<{ rows: number }[]>`
      select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::float8 as rows
      from pg_stat_xact_user_tables where schemaname = 'pdoflow'
        and relname in ('posting', 'posting_key', 'job_key')`;
    expect(row?.rows).toBeLessThan(500);
  });
});
