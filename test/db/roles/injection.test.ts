// The functions that run as the owner, called with objects of the caller's own in the way and with
// odd values (docs/security.md).
import { afterAll, beforeAll, expect, test } from "bun:test";

import { type Db, errorCode } from "../../../src/db/connection/connect.ts";
import { fuzzTimes } from "../../fuzz-times.ts";
import { newPool, nth, postJobs } from "../engine.ts";
import { type Roles, withRoles } from "./roles.ts";

let roles: Roles;
let eve: Db;
/** Ada's posting, paused, so that nothing changes in it. */
let id: number;

beforeAll(async () => {
  roles = await withRoles("ada", "eve");
  await roles.grant("ada", "poster");
  await roles.grant("eve", "poster");
  await roles.grant("eve", "operator"); // all functions, but for those of pools
  await roles.grant("eve", "pool", { posters: [] });
  id = await postJobs(await roles.as("ada"), 10, { key: "k" });
  await roles.db.sql`select pdoflow.pause(${id}::bigint)`;
  eve = await roles.as("eve");
});

afterAll(() => roles[Symbol.asyncDispose]());

const owner = async () =>
  (await roles.db.sql<{ name: string }[]>`select current_user as name`)[0]?.name ?? "";

test("functions that run as the owner do not call planted functions of the same name", async () => {
  const { sql } = roles.db;
  const evil = sql(roles.nameOf("evil"));
  await sql`create schema ${evil}`;
  await sql`grant all on schema ${evil} to public`;
  await sql`create table ${evil}.log (who text)`;
  await sql`grant insert on ${evil}.log to public`;
  const name = roles.nameOf("evil");
  const trap = (head: string, result: string) =>
    eve.sql.unsafe(`
    create function "${name}".${head} language plpgsql as $$ begin
      insert into "${name}".log values (current_user); return ${result}; end $$`);
  await trap("pg_has_role(name, oid, text) returns boolean", "true");
  await trap("current_setting(text) returns text", `'${roles.nameOf("ada")}'`);
  await trap("now() returns timestamptz", "clock_timestamp()");
  await trap("string_to_table(text, text) returns setof text", "");
  await trap("json_typeof(json) returns text", "'array'");
  await trap("jsonb_typeof(jsonb) returns text", "'array'");
  await trap("pg_notify(text, text) returns void", "");
  await trap("format(text, text) returns text", "''");
  await trap("is_same(text, text) returns boolean", "true");
  await eve.sql.unsafe(`create operator "${name}".= (leftarg = text, rightarg = text,
    function = "${name}".is_same)`);
  await eve.sql.unsafe(`create domain "${name}".jsonb as text`);
  const shadowed = ["posting", "route", "grantee", "job", "pool", "lane", "pg_roles"];
  for (const table of shadowed) {
    await eve.sql.unsafe(`create temporary table ${table} (id bigint, role text, kind text)`);
  }
  await eve.sql.unsafe(`set search_path = "${name}", pg_temp, pg_catalog, pdoflow`);
  // Not postgres.js's own parameters here: their types are looked up by name, too.
  await eve.sql.unsafe(
    `select pdoflow.post('a.ts#f'::pg_catalog.text, '[[1], {"a": 2}]'::pg_catalog.jsonb)`,
  );
  await eve.sql.unsafe(`select pdoflow.status(1)`);
  await eve.sql.unsafe(`select * from pdoflow.postings`);
  await eve.sql.unsafe(`select pdoflow.set_variable('x', '1'::pg_catalog.jsonb)`);
  await eve.sql.unsafe(`select pdoflow.pause(array[1]::bigint[])`);
  await eve.sql.unsafe(
    `select pdoflow.pool_register('{"host": "h", "pid": 1, "version": "v", "osUser": "u"}'::pg_catalog.jsonb,
       1, 1000, '{}'::pg_catalog.jsonb, null)`,
  );
  await eve.sql.unsafe(`select pdoflow.caller(), now()`);
  await eve.sql`reset search_path`;
  const [caller] = await eve.sql`select pdoflow.caller() as name`;
  expect(caller).toEqual({ name: roles.nameOf("eve") });
  const traps = await sql<{ who: string }[]>`select who from ${evil}.log`;
  const whose = new Set(traps.map(({ who }) => who));
  expect([...whose]).toEqual([roles.nameOf("eve")]); // her own now(): the traps do work
  expect(whose.has(await owner())).toBe(false);
  await sql`drop schema ${evil} cascade`;
});

const bigints = ["null", "0", "-1", "1", "9223372036854775807"];

/** Values of a type as SQL: odd ones, and some that are right. */
const odd: Record<string, readonly string[]> = {
  bigint: bigints,
  integer: ["null", "0", "-1", "1", "2147483647", "-2147483648"],
  boolean: ["null", "true", "false"],
  text: [
    "null",
    "''",
    `'x"; drop table pdoflow.job; --'`,
    `e'\\x01'`,
    "repeat('x', 100000)",
    "'a#b'",
  ],
  jsonb: [
    "null",
    "'null'",
    "'[]'",
    "'{}'",
    "'[[1]]'",
    `'{"priority": [1, "x"]}'`,
    `'{"maxAttempts": 1e400}'`,
    `'{"needs": [null]}'`,
    `'{"maxRate": {"a": 1}}'`,
    `'"x"'`,
  ],
  "bigint[]": ["null", "'{}'", "'{1}'", "'{null}'", "'{{1,2},{3,4}}'", "'{1,1,1,99}'"],
  "integer[]": ["null", "'{}'", "'{0}'", "'{null}'", "'{-1,3}'", "'{{1}}'"],
  "double precision[]": ["null", "'{}'", "'{NaN}'", "'{-1,null}'"],
  "text[]": [
    ...["null", "'{}'", `'{"x"}'`, "'{null}'", `'{"{0}"}'`, `'{"{-1,null}","{}"}'`],
    `array[e'"\\\\u0000"\\n']`,
  ],
  "jsonb[]": ["null", "'{}'", `array['[1]']::jsonb[]`, "array[null]::jsonb[]"],
  "double precision": ["null", "'NaN'", "'Infinity'", "-1", "0.5"],
  real: ["null", "'NaN'", "1"],
  "pdoflow.posting_state": ["null", "'open'", "'paused'", "'cancelled'"],
  "pdoflow.outcome_state[]": ["null", "'{}'", "'{done}'", "'{retried,failed}'"],
  json: ["null", "'[]'"],
  name: ["null", "'x'"],
  "timestamp with time zone": ["null", "now()", "'infinity'", "'-infinity'", "'0001-01-01 BC'"],
};

/** The fields of each composite type that functions take, in their order. */
async function readFields(): Promise<Map<string, string[]>> {
  const rows = await eve.sql<{ name: string; types: string[] }[]>`
    select format_type(t.oid, null) as name, to_json(array(
      select format_type(atttypid, null) from pg_attribute
      where attrelid = t.typrelid and attnum > 0 order by attnum)) as types
    from pg_type t join pg_class c on c.oid = t.typrelid
    where t.typnamespace = 'pdoflow'::regnamespace and c.relkind = 'c'`;
  return new Map(rows.map(({ name, types }) => [name, types]));
}

/** Numbers that are the same in each run. */
function* dice(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    yield state >> 8;
  }
}

/** All that is Ada's, as a text. */
async function adas(): Promise<string> {
  const [row] = await roles.db.sql<{ all: string }[]>`
    select (select to_json(p)::text from pdoflow.posting p where id = ${id})
      || (select json_agg(j order by first_seq)::text from pdoflow.job j where posting_id = ${id})
      || (select json_agg(l)::text from pdoflow.lane l where posting_id = ${id})
      || (select count(*)::text from pdoflow.outcome where posting_id = ${id})
      || (select count(*)::text from pdoflow.retry where posting_id = ${id})
      || (select count(*)::text from pdoflow.lease where ${id} = any (posting_ids)) as all`;
  return row?.all ?? "";
}

test("odd values are refused or change nothing of others, and break nothing", async () => {
  // As an operator she could steer Ada's posting rightly.
  await roles.db.sql`delete from pdoflow.grantee where kind = 'operator'`;
  const pools = [await newPool(eve), await newPool(roles.db)]; // also somebody else's
  odd["bigint"] = [...bigints, ...pools.map(String)];
  const before = await adas();
  expect(before.length).toBeGreaterThan(100);
  const callable = await eve.sql<{ name: string; types: string[] }[]>`
    select proname::text as name, to_json(array(
      select format_type(t, null) from unnest(proargtypes) with ordinality as a (t, place)
      order by place)) as types
    from pg_proc
    where pronamespace = 'pdoflow'::regnamespace and prosecdef and prokind = 'f'
      and has_function_privilege(oid, 'execute') and provariadic = 0 order by proname, oid`;
  expect(callable.length).toBeGreaterThan(35);
  const fields = await readFields();
  const random = dice(11);
  const pick = (type: string): string => {
    const parts = fields.get(type);
    if (parts) return `row(${parts.map(pick).join(", ")})::${type}`;
    const values = odd[type.replace(/^(posting_state|outcome_state)/, "pdoflow.$1")];
    if (!values) throw new Error(`expected odd values of the type ${type}`);
    const name = type.replace(/^(posting|outcome)_state/, "pdoflow.$&");
    return `${nth(values, random.next().value % values.length)}::${name}`;
  };
  const codes = new Map<string, number>();
  let calls = 0;
  for (const { name, types } of callable) {
    for (let n = 0; n < 25 * fuzzTimes; n++, calls++) {
      const text = `select pdoflow.${name}(${types.map(pick).join(", ")})`;
      try {
        await eve.sql.unsafe(text);
      } catch (error) {
        const code = errorCode(error) ?? String(error);
        codes.set(code, (codes.get(code) ?? 0) + 1);
        // A fault of the server, or of a statement of ours: syntax, a missing name, a wrong type.
        if (/^(XX|58|57P|08|426|42703|42P|42883)/.test(code) && code !== "42P18") {
          throw new Error(text.slice(0, 300), { cause: error });
        }
      }
    }
  }
  expect(calls).toBeGreaterThan(900 * fuzzTimes);
  expect(codes.get("42501") ?? 0).toBeGreaterThan(5);
  expect(codes.get("PF002") ?? 0).toBeGreaterThan(10);
  expect(await adas()).toBe(before);
  // And the queue goes on.
  await roles.db.sql`select pdoflow.pool_rescue()`;
  expect(await postJobs(roles.db, 1)).toBeGreaterThan(id);
}, 1_500_000);
