// Attempts of a role to exceed its rights by hand-written SQL (docs/security.md).
import { afterAll, beforeAll, expect, test } from "bun:test";

import { cancelPostings } from "../../../src/db/engine/control.ts";
import { type Db, errorCode } from "../../../src/db/connection/connect.ts";
import { claim, claimSingle } from "../../../src/db/engine/leases.ts";
import { readVariables, writeVariable } from "../../../src/db/read/variables.ts";
import { jobsOf, newPool, nth, postJobs, record, recordPart, refusal, take } from "../engine.ts";
import { type Roles, trying, withRoles } from "./roles.ts";

let roles: Roles;
let ada: Db;
let eve: Db;
let pool: Db;
/** A pool of eve's own, which may run her jobs alone. */
let evesPool: number;
/** Ada's posting. */
let id: number;
let operator: Db;

beforeAll(async () => {
  roles = await withRoles("ada", "eve", "pool", "operator");
  await roles.grant("ada", "poster");
  await roles.grant("eve", "poster", { maxOpen: 50 });
  await roles.grant("eve", "pool", { posters: [] });
  await roles.grant("pool", "pool");
  await roles.grant("operator", "operator");
  ada = await roles.as("ada");
  eve = await roles.as("eve");
  pool = await roles.as("pool");
  operator = await roles.as("operator");
  id = await postJobs(ada, 10);
  evesPool = await newPool(eve);
});

afterAll(() => roles[Symbol.asyncDispose]());

/** The SQLSTATE of a refusal. */
async function code(statement: PromiseLike<unknown>): Promise<string | null> {
  try {
    await statement;
  } catch (error) {
    return errorCode(error);
  }
  return null;
}

const denied = "42501";

test("no table is written by hand", async () => {
  const tables = await roles.db.sql<{ name: string }[]>`
    select relname::text as name from pg_class
    where relnamespace = 'pdoflow'::regnamespace and relkind in ('r', 'p')`;
  expect(tables.length).toBeGreaterThan(15);
  for (const { name } of tables) {
    const table = eve.sql(`pdoflow.${name}`);
    expect([name, await code(eve.sql`insert into ${table} default values`)]).toEqual([
      name,
      denied,
    ]);
    expect([name, await code(eve.sql`delete from ${table}`)]).toEqual([name, denied]);
  }
  expect(await code(eve.sql`update pdoflow.lane set priority = 9`)).toBe(denied);
  expect(await code(eve.sql`update pdoflow.posting set state = 'cancelled'`)).toBe(denied);
  expect(await code(eve.sql`update pdoflow.pool set role = current_user`)).toBe(denied);
  expect(await code(eve.sql`select nextval('pdoflow.posting_id_seq')`)).toBe(denied);
  await trying(eve, async ({ sql }) => {
    expect(await code(sql`lock table pdoflow.job in access exclusive mode`)).toBe(denied);
  });
});

test("nothing of another's posting is read, by no way", async () => {
  const relations = ["posting", "lane", "job", "outcome", "retry", "progress", "job_status"];
  for (const name of [...relations, "postings", "jobs", "outcomes", "failures"]) {
    const rows = await eve.sql`select * from ${eve.sql(`pdoflow.${name}`)}`;
    expect([name, rows.length]).toEqual([name, 0]);
  }
  const [status] = await eve.sql`select * from pdoflow.status(${id})`;
  expect(status).toBeUndefined();
  expect(await code(eve.sql`select * from pdoflow.job_1`)).toBe(denied);
  // A function in a condition, so cheap that the planner would ask it first, sees no row of others.
  await eve.sql`create temporary table seen (args text)`;
  await eve.sql`
    create function pg_temp.leak(json) returns boolean language plpgsql cost 0.0000001
    as $$ begin insert into seen values ($1::text); return true; end $$`;
  for (const view of ["pdoflow.job", "pdoflow.jobs", "pdoflow.job_status"]) {
    await eve.sql`select from ${eve.sql(view)} where pg_temp.leak(args::json)`;
  }
  expect([...(await eve.sql`select * from seen`)]).toEqual([]);
  const own = await postJobs(eve, 1);
  await eve.sql`select from pdoflow.jobs where pg_temp.leak(args)`;
  expect([...(await eve.sql`select * from seen`)]).toEqual([{ args: "[0]" }]);
  await cancelPostings(eve, [own], { killsRunning: true, reason: "" });
});

test("another's posting is not steered", async () => {
  for (const call of [
    eve.sql`select pdoflow.pause(${id}::bigint)`,
    eve.sql`select pdoflow.resume(${id}::bigint)`,
    eve.sql`select pdoflow.unblock(${id}::bigint)`,
    eve.sql`select pdoflow.cancel(${id}::bigint)`,
    eve.sql`select pdoflow.retry(${id})`,
  ]) {
    expect(await refusal(call)).toContain(`there is no posting ${id} that the role`);
  }
  const [row] = await eve.sql`
    select pdoflow.cancel(array[${id}]::bigint[])::text as cancelled,
           pdoflow.pool_stop_posting(array[${id}]::bigint[], 'why')::text as stopped,
           (select count(*)::int from pdoflow.set_limits(array[${id}]::bigint[],
                                                         '{"maxRunning": 1}')) as limited`;
  expect(row).toEqual({ cancelled: "{}", stopped: "{}", limited: 0 });
  for (const name of [
    "pause_postings",
    "resume_postings",
    "unblock_postings",
    "cancel_postings",
    "retry_failed",
    "finish",
    "record",
  ]) {
    const [can] = await eve.sql`
      select bool_or(has_function_privilege(oid, 'execute')) as may from pg_proc
      where pronamespace = 'pdoflow'::regnamespace and proname = ${name}`;
    expect([name, can?.["may"]]).toEqual([name, false]);
  }
});

test("the poster is the role that logged in, whatever the options say", async () => {
  const forged = eve.sql`
    select pdoflow.post('a.ts#f', '[[1]]', '{"poster": "ada"}')`;
  expect(await refusal(forged)).toContain('unknown posting option "poster"');
  const [row] = await eve.sql<{ id: number }[]>`
    select pdoflow.post('a.ts#f', '[[1]]', '{"osUser": "ada"}') as id`;
  const [posted] = await eve.sql`select poster from pdoflow.postings where id = ${row?.id ?? 0}`;
  expect(posted).toEqual({ poster: roles.nameOf("eve") });
  await eve.sql`select pdoflow.cancel(${row?.id ?? 0}::bigint)`;
});

test("a poster's function does not let unauthorised callers post", async () => {
  await using lent = await withRoles("poster", "guest");
  await lent.grant("poster", "poster", { maxOpen: 1 });
  const { sql } = lent.db;
  await sql`create schema lent`;
  await sql`grant all on schema lent to public`;
  const poster = await lent.as("poster");
  await poster.sql`
    create function lent.post() returns bigint language sql security definer
    as $$ select pdoflow.post('a.ts#f', '[[1]]') $$`;
  const guest = await lent.as("guest");
  expect(await refusal(guest.sql`select lent.post()`)).toContain("may not post");
  expect((await poster.sql`select lent.post()`).length).toBe(1);
  expect(await code(guest.sql`select pdoflow.grants_of('x')`)).toBe(denied);
  expect(await code(poster.sql`select pdoflow.grants_of('x')`)).toBe(denied);
});

test("SET ROLE is followed to a role whose member one is", async () => {
  await using group = await withRoles("student", "group");
  const [student, all] = [group.nameOf("student"), group.nameOf("group")];
  await group.grant("group", "poster");
  const before = await group.as("student");
  expect(await refusal(postJobs(before, 1))).toContain("permission denied");
  await group.db.sql`grant ${group.db.sql(all)} to ${group.db.sql(student)}`;
  const own = await postJobs(before, 1); // a member has the rights of its group
  await before.sql`set role ${before.sql(all)}`;
  const shared = await postJobs(before, 1);
  const seen = () => before.sql`select id, poster from pdoflow.postings order by id`;
  expect([...(await seen())]).toEqual([{ id: shared, poster: all }]);
  await before.sql`reset role`;
  expect([...(await seen())]).toEqual([{ id: own, poster: student }]);
});

test("L2: a pool claims, releases, records and ends for itself alone", async () => {
  const theirs = await newPool(pool);
  await trying(pool, async (db) => {
    const jobs = jobsOf(await take(db, theirs, { cap: 5 }));
    expect(jobs).toHaveLength(5);
  });
  const held = await take(pool, theirs, { cap: 5 });
  const jobs = jobsOf(held);
  expect(await code(record(eve, theirs, jobs))).toBe(denied);
  expect(await code(take(eve, theirs, { routes: [1] }))).toBe(denied);
  expect(await code(claimSingle(eve, { poolId: theirs, postingId: id, routes: [1] }))).toBe(denied);
  const give = eve.sql`
    select pdoflow.pool_release(${theirs}, '{}', '{}', '{}', '{}', '{}', '{}')`;
  expect(await code(give)).toBe(denied);
  expect(await code(eve.sql`select pdoflow.pool_end(${theirs})`)).toBe(denied);
  expect(await code(eve.sql`select pdoflow.pool_drain(${theirs})`)).toBe(denied);
  expect(await code(eve.sql`select * from pdoflow.pool_heartbeat(${theirs}, '[]', true)`)).toBe(
    denied,
  );
  // By a pool of her own, with the numbers of a lease that is not its; and by one that runs all.
  expect(await code(recordPart(eve, evesPool, jobs))).toBe(denied);
  expect(await recordPart(pool, await newPool(pool), jobs)).toBe(5);
  const [kept] = await pool.sql`
    select count(*)::int as n from pdoflow.lease where id = ${nth(held, 0).leaseId} and active`;
  expect(kept).toEqual({ n: 1 });
  const [outcomes] = await ada.sql`select count(*)::int as n from pdoflow.outcome`;
  expect(outcomes).toEqual({ n: 0 });
});

test("L1: a pool can only keep ranges of its own lease", async () => {
  const own = await postJobs(eve, 3);
  const [mine] = await take(eve, evesPool, { cap: 3 });
  if (!mine) throw new Error("expected a lease");
  expect(mine).toMatchObject({ postingId: own, firstSeq: 0, endSeq: 3 });
  const keep = (posting: number, first: number | null, end: number, attempt = 1) =>
    code(eve.sql`
      select pdoflow.pool_release(
        ${evesPool}, array[${mine.leaseId}]::bigint[], array[${mine.leaseId}]::bigint[],
        array[${posting}]::bigint[], array[${first}]::integer[], array[${end}]::integer[],
        array[${attempt}]::integer[])`);
  expect(await keep(id, 0, 3)).toBe(denied);
  expect(await keep(own, 0, 4)).toBe(denied);
  expect(await keep(own, -1, 2)).toBe(denied);
  expect(await keep(own, 2, 1)).toBe(denied);
  expect(await keep(own, null, 1)).toBe(denied);
  expect(await keep(own, 0, 3, 2)).toBe(denied);
  expect(await keep(own, 1, 3)).toBeNull();
  await record(eve, evesPool, jobsOf([{ ...mine, firstSeq: 1 }]));
  await cancelPostings(eve, [own], { killsRunning: true, reason: "" });
});

test("T1: a pool only claims and reads jobs that its role may run, whatever routes it names", async () => {
  const own = await postJobs(eve, 1);
  const all = await roles.db.sql<{ id: number }[]>`select id from pdoflow.route`;
  const want = { oldest: false, sizes: [], cap: 100, share: 1 };
  const routes = all.map((route) => route.id);
  const { ranges } = await claim(eve, { poolId: evesPool, routes, ...want });
  expect(ranges.map(({ postingId }) => postingId)).toEqual([own]);
  await record(eve, evesPool, jobsOf(ranges));
  for (const postingId of [id, await postJobs(ada, 1)]) {
    const single = await claimSingle(eve, { poolId: evesPool, postingId, routes });
    expect(single.ranges).toEqual([]);
  }
  await roles.grant("eve", "pool", { posters: [roles.nameOf("ada")] });
  expect((await eve.sql`select from pdoflow.job where posting_id = ${id}`).length).toBe(1);
  expect((await eve.sql`select from pdoflow.outcome where posting_id = ${id}`).length).toBe(0);
  await roles.grant("eve", "pool", { posters: [] });
  expect((await eve.sql`select from pdoflow.job where posting_id = ${id}`).length).toBe(0);
});

test("T3: open postings and the length of arguments are limited", async () => {
  await using limited = await withRoles("bob");
  await limited.grant("bob", "poster", { maxOpen: 2, maxArgumentBytes: 20 });
  const [one, two] = [await limited.as("bob"), await limited.as("bob")];
  const long = refusal(one.sql`select pdoflow.post('a.ts#f', '[[1], ["0123456789012345678"]]')`);
  expect(await long).toContain("the arguments of job 1 have more than 20 bytes");
  const sweep = `{"axes": [{"first": 1, "last": 9}, {"values": ["a", "01234567890123456"]}]}`;
  expect(await refusal(one.sql`select pdoflow.post('a.ts#f', ${sweep}::text::jsonb)`)).toMatch(
    /the arguments of a job may have \d+ bytes, more than 20, the limit of the role/,
  );
  const results = await Promise.allSettled([1, 2, 3, 4].map((n) => postJobs(n % 2 ? one : two, 1)));
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
  expect(await refusal(postJobs(one, 1))).toContain("has reached its limit of 2 open postings");
  expect(await refusal(one.sql`select pdoflow.begin_posting('a.ts#f')`)).toContain(
    "its limit of 2",
  );
  await one.sql`select pdoflow.cancel(array(select id from pdoflow.postings limit 1))`;
  const failed = await postJobs(one, 1);
  await limited.db.sql`update pdoflow.posting set state = 'finished', ended_at = now(), failed = 1
    where id = ${failed}`;
  await postJobs(one, 1);
  const again = one.sql`select pdoflow.retry(${failed}::bigint)`;
  expect(await refusal(again)).toContain("has reached its limit of 2 open postings");
});

test("T4: no pool, not even a poster's own, has more of its jobs kept than was granted", async () => {
  await using limited = await withRoles("bob", "pool");
  const most = { maxResultBytes: 20, maxOutputBytes: 30 };
  await limited.grant("bob", "poster", most);
  await limited.grant("bob", "pool", { posters: [] });
  const bob = await limited.as("bob");
  const own = await newPool(bob);
  await postJobs(bob, 4);
  await limited.grant("bob", "poster"); // of what was posted before it goes on
  const jobs = jobsOf(await take(bob, own));
  const last = [nth(jobs, 3)];
  const [short, long] = ['"0123456789ab"', '"0123456789abcdefghi"'];
  expect(await code(recordPart(bob, own, jobs, { result: long }))).toBe("54000");
  expect(await code(recordPart(bob, own, last, { stderr: "x".repeat(31) }))).toBe("54000");
  const error = JSON.stringify({ message: "x".repeat(70_000) });
  expect(await code(recordPart(bob, own, last, { state: "failed", error }))).toBe("54000");
  const fits = { result: short, stdout: "x".repeat(30), stderr: "é".repeat(15) };
  expect(await record(bob, own, jobs, fits)).toBe(0);
});

test("V1: a variable is its poster's own, or everybody's", async () => {
  await writeVariable(operator, "both", "1");
  await writeVariable(ada, "both", "2");
  const values = async (db: Db) => (await readVariables(db, "both")).map(({ value }) => value);
  expect([await values(ada), await values(eve), await values(operator)]).toEqual([
    ["2"],
    ["1"],
    ["1"],
  ]);
  expect((await eve.sql`select pdoflow.delete_variable('both') as gone`)[0]).toEqual({
    gone: false,
  });
});

test("D1: a posting is ended in the transaction that began it, by the same role", async () => {
  const begin = (db: Db) => db.sql<{ id: number }[]>`
    select posting_id as id from pdoflow.begin_posting('a.ts#f')`;
  expect(await refusal(begin(eve))).toContain("was begun and not ended");
  await trying(ada, async () => {
    const [begun] = await begin(ada);
    const other = eve.sql`select pdoflow.add_jobs(${begun?.id ?? 0}, '[1]', null)`;
    expect(await refusal(other)).toContain("was not begun in this transaction");
  });
  expect(await refusal(eve.sql`select pdoflow.add_jobs(${id}, '[1]', null)`)).toContain(
    "was not begun in this transaction",
  );
  expect(await refusal(eve.sql`select pdoflow.end_posting(${id})`)).toContain("was not begun");
});
