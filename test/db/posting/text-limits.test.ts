// Every text that one role writes and another reads has a limit: a new column or API function
// without one fails here.
import { afterAll, beforeAll, expect, test } from "bun:test";

import { type Db, errorCode } from "../../../src/db/connection/connect.ts";
import { newPool, postJobs, take } from "../engine.ts";
import { type Roles, withRoles } from "../roles/roles.ts";

let roles: Roles;
let owner: Db;
/** A session of each kind of role; the poster may run pools for her own jobs. */
let poster: Db;
let id: number;
let pool: number;
let lease: number;

beforeAll(async () => {
  roles = await withRoles("poster");
  await roles.grant("poster", "poster", { maxArgumentBytes: 1000, maxOutputBytes: 200_000 });
  await roles.grant("poster", "operator");
  await roles.grant("poster", "pool", { posters: [] });
  owner = roles.db;
  poster = await roles.as("poster");
  id = await postJobs(poster, 10);
  pool = await newPool(poster);
  const [leased] = await take(poster, pool, { cap: 5 });
  lease = leased?.leaseId ?? 0;
});

afterAll(() => roles[Symbol.asyncDispose]());

/** Columns whose values are measured by the functions that write them, or written by the owner. */
const exempt = new Map([
  ["job.args", 64 * 2 ** 20],
  ["outcome_run.results", 64 * 2 ** 20],
  ["outcome_run.errors", 64 * 2 ** 20],
  ["outcome_run.stdouts", 6 * 2 ** 18],
  ["outcome_run.stderrs", 6 * 2 ** 18],
  ["grantee.posters", 2 ** 20],
  ["migration.name", 2 ** 20],
]);
/** No more bytes are in a column, unless it is exempt. */
const most = new Map([
  ...exempt,
  ["profile.stacks", 8_000_000],
  ["signature.blocks", 76 * 10],
  ["pool.running", 2 ** 20],
  ["variable.value", 2 ** 20],
  ["flow.spec", 1_000_000],
]);

const textColumns = () => owner.sql<{ table: string; column: string; name: string }[]>`
  select c.relname as table, a.attname as column, c.relname || '.' || a.attname as name
  from pg_attribute a join pg_class c on c.oid = a.attrelid
  where c.relnamespace = 'pdoflow'::regnamespace and c.relkind in ('r', 'p')
    and not c.relispartition and a.attnum > 0 and not a.attisdropped
    and format_type(a.atttypid, a.atttypmod) ~ '^(text|json|jsonb|bytea|name|character.*)(\\[\\])?$'`;

test("each text column has a constraint that limits its length", async () => {
  const limited = await owner.sql<{ name: string }[]>`
    select c.relname || '.' || a.attname as name
    from pg_constraint k join pg_class c on c.oid = k.conrelid
      join pg_attribute a on a.attrelid = c.oid and a.attnum = any (k.conkey)
    where c.relnamespace = 'pdoflow'::regnamespace and k.contype = 'c'
      and pg_get_constraintdef(k.oid) ~ ('(length\\(|= ANY \\()\\(*' || a.attname)
       or c.relnamespace = 'pdoflow'::regnamespace and k.contype = 'c'
      and pg_get_constraintdef(k.oid) ~ ('\\(' || a.attname || ' = ANY \\(')`;
  const names = new Set(limited.map(({ name }) => name));
  const columns = await textColumns();
  expect(columns.length).toBeGreaterThan(40);
  const unlimited = columns.filter(({ name }) => !names.has(name) && !exempt.has(name));
  expect(unlimited.map(({ name }) => name)).toEqual([]);
});

/** 2 MB of text, more than any result may have, and more than a stored part of an error. */
const letters = (thousands: number, of = "x") => `repeat(repeat('${of}', 1000), ${thousands})`;
const long = letters(2_000);
const huge = letters(67_109);
const line = letters(30);
const quoted = (text: string) => `'"' || ${text} || '"'`;
const asJson = (text: string) => `to_jsonb(${text})`;
const option = (name: string, value: string) => `jsonb_build_object('${name}', ${value})`;
const options = ["name", "key", "jobKey", "osUser", "run", "project", "runAt", "maxRate"] as const;
const everyOption = (name: (typeof options)[number]) => option(name, long);

const register = (host: string, version: string, user: string, provides: string, posters: string) =>
  `pool_register(jsonb_build_object('host', ${host}, 'pid', 1, 'version', ${version},
     'osUser', ${user}), 1, 15000, ${provides}, ${posters})`;
const record = (result: string, error: string, stdout: string, stderr: string) =>
  `pool_record($pool, row('{$lease}', '{$id}', '{0}', '{1}', '{1}', '{failed}', '{0}',
     array['{0}'], array['{1}'], array['{1}'], null, array[${result}], array[${error}],
     array[to_jsonb(${stdout}::text)::text], array[to_jsonb(${stderr}::text)::text], '{}', 0, null)
     ::pdoflow.outcome_batch)`;
const sign = (statement: string, key: string, signature: string, blocks: string) =>
  `sign_posting((select posting_id from pdoflow.begin_posting('a.ts#f')), ${statement}, ${key},
     ${signature}, ${blocks})`;

/**
 * A call of each function that takes a text, with a long one for each such parameter, by the names
 * of these parameters. Null if it stores none of it: it compares it, or only reads.
 */
const calls: Readonly<Record<string, readonly string[] | null>> = {
  "add_jobs(p_args)": [
    `end_posting((select posting_id from pdoflow.begin_posting('a.ts#f')
       where pdoflow.add_jobs(posting_id, array[jsonb_build_array(${long})]) > 0))`,
  ],
  "add_jobs(p_text)": [
    `end_posting((select posting_id from pdoflow.begin_posting('a.ts#f')
       where pdoflow.add_jobs(posting_id, '["' || ${long} || '"]', null) > 0))`,
  ],
  "begin_flow(p_name, p_options)": [
    `begin_flow(${long})`,
    `begin_flow('x', ${option("key", long)})`,
    `begin_flow('x', ${option("osUser", long)})`,
  ],
  "end_flow(p_spec)": [`end_flow((select flow_id from pdoflow.begin_flow('x')), ${asJson(long)})`],
  "add_sweep(p_sweep)": [
    `end_posting((select posting_id from pdoflow.begin_posting('a.ts#f')
       where pdoflow.add_sweep(posting_id, '{"axes":[{"values":["' || ${long} || '"]}]}') > 0))`,
  ],
  "backfill_schedule(p_name)": null,
  "delete_schedule(p_name)": null,
  "next_times(p_timing, p_zone)": null,
  "pause_schedule(p_name)": null,
  "run_schedule(p_name)": null,
  "schedule_flow(p_name, p_timing, p_flow, p_options, p_settings)": [
    `schedule_flow(${long}, '@daily', '{"name": "n", "stages": [{"stage": "a"}]}')`,
    `schedule_flow('s', '@daily' || ${long}, '{"name": "n", "stages": []}')`,
  ],
  "schedule_obstacle(p_name)": null,
  "schedule(p_name, p_timing, p_entry_point, p_jobs, p_options, p_settings)": [
    `schedule(${long}, '@daily', 'a.ts#f')`,
    `schedule('s', '@daily' || ${long}, 'a.ts#f')`,
    `schedule('s', 'every 90m' || repeat(' ', 1000000), 'a.ts#f')`,
    `schedule('s', '@daily', ${long} || '#f')`,
    `schedule('s', '@daily', 'a.ts#f', '["' || ${long} || '"]')`,
    ...options.map((name) => `schedule('s', '@daily', 'a.ts#f', '[1]', ${everyOption(name)})`),
    `schedule('s', '@daily', 'a.ts#f', '[1]', '{}', ${option("zone", long)})`,
    `schedule('s', '@daily', 'a.ts#f', '[1]', '{}', ${option("until", long)})`,
  ],
  "begin_posting(p_entry_point, p_options)": [
    `begin_posting(${long} || '#f')`,
    `begin_posting('a.ts#f', ${everyOption("name")})`,
    `begin_posting('a.ts#f', jsonb_build_object('priority', jsonb_build_array(${long})))`,
  ],
  "cancel(p_reason)": [
    `cancel(pdoflow.post('a.ts#f', '[[1]]'), true, ${long})`,
    `cancel(array[pdoflow.post('a.ts#f', '[[1]]')], true, ${long})`,
  ],
  "delete_variable(p_name)": null,
  "drain_pools(p_hosts)": null,
  "fingerprint(p_error)": null,
  "get_variable(p_name)": null,
  "has_grant(p_kinds)": null,
  "lines_of(p_args, p_sweep)": null,
  "max_bytes_of(p_args)": null,
  "pause(p_reason)": [
    `pause($id::bigint, ${long})`,
    `pause(array[pdoflow.post('a.ts#f', '[[1]]')], ${long}, 'paused')`,
  ],
  "pool_draft(p_entry_point, p_options, p_text)": [
    `pool_draft($pool, $lease, '{$id, 0, 1, 0}', ${long} || '#f', '{}', '[1]')`,
    ...options.map(
      (name) =>
        `pool_draft($pool, $lease, '{$id, 0, 1, 1}', 'a.ts#f', ${everyOption(name)}, '[1]')`,
    ),
    `pool_draft($pool, $lease, '{$id, 0, 1, 2}', 'a.ts#f', '{}', '["' || ${long} || '"]')`,
  ],
  "pool_end_prune(p_outcome, p_reason)": null, // only the owner's
  "pool_heartbeat(p_running)": [
    `pool_heartbeat($pool, jsonb_build_array(jsonb_build_object(
       'posting', 1, 'seq', 1, 'attempt', 1, 'note', ${long})), false)`,
  ],
  "pool_claim(p_options)": null,
  "pool_report(p_now, p_ended)": [
    `pool_report($pool, jsonb_build_object('busy', 0, 'free', ${long}), '{}', '{"done": 0, "failed": 0, "retried": 0}',
                 '{}', '{}', '{}', '{}')`,
  ],
  "pool_routes(p_run, p_project)": null,
  "pool_profile(p_stacks)": [
    `pool_profile($pool, $id, 1, jsonb_build_object(${letters(9_000, "y")}, 1))`,
    `pool_profile($pool, $id, 1, jsonb_build_object(${letters(5_000, "y")}, 1))`,
    `pool_profile($pool, $id, 1, jsonb_build_object(${letters(5_000, "z")}, 1))`,
  ],
  "pool_record(p_batch)": [
    record(quoted(huge), "null", "null", "null"),
    record("null", quoted(long), "null", "null"),
    record("null", "null", long, "null"),
    record("null", "null", "null", long),
    record("null", `jsonb_build_object('name', ${line}, 'message', ${line})::text`, "null", "null"),
  ],
  "pool_refuse(p_reasons)": [`pool_refuse($pool, '{$id}', array[${long}])`],
  "pool_register(p_process, p_provides, p_posters, p_project, p_postings)": [
    register(long, long, long, "'{}'", "null"),
    register("'h'", "'v'", "'u'", option("gpu", long), "null"),
    register("'h'", "'v'", "'u'", "'{}'", `array[${long}]`),
    `pool_register('{"host": "h", "pid": 1, "version": "v", "osUser": "u"}', 1, 15000, '{}', null,
       ${long})`,
    `pool_register('{"host": "h", "pid": 1, "version": "v", "osUser": "u"}', 1, 15000, '{}', null,
       null, array[${long}])`,
  ],
  "pool_show(p_stdouts, p_stderrs)": [
    `pool_show($pool, '{$id}', '{1}', '{1}', array[encode(${long}::bytea, 'base64')], '{1}',
       array[encode(${long}::bytea, 'base64')], '{1}')`,
    `pool_show($pool, '{$id}', '{1}', '{1}', array[repeat('AAAA', 20000)], '{1}', array['AAAA'], '{1}')`,
  ],
  "pool_stop_posting(p_reason)": [
    `pool_stop_posting(array[pdoflow.post('a.ts#f', '[[1]]')], ${long})`,
  ],
  "post(p_entry_point, p_args, p_options)": [
    `post(${long} || '#f', '[[1]]')`,
    `post('a.ts#f', jsonb_build_array(jsonb_build_array(${long})))`,
    ...options.map((name) => `post('a.ts#f', '[[1]]', ${everyOption(name)})`),
    `post('a.ts#f', '[[1]]', ${option("needs", `jsonb_build_array(jsonb_build_array(${long}, 'has'))`)})`,
    `post('a.ts#f', '[[1]]', ${option("needs", `(select jsonb_agg(jsonb_build_array('n' || n, 'has')) from generate_series(1, 9999) n)`)})`,
  ],
  "post_batch(p_entry_point, p_options, p_text)": [
    `post_batch(${long} || '#f', '{}', '[1]', null, null, null, true)`,
    `post_batch('a.ts#f', ${everyOption("osUser")}, '[1]', null, null, null, true)`,
    `post_batch('a.ts#f', '{}', '["' || ${long} || '"]', null, null, null, true)`,
  ],
  "post_sweep(p_entry_point, p_options, p_sweep)": [
    `post_sweep(${long} || '#f', '{}', '{"axes":[{"values":[1]}]}', true)`,
    `post_sweep('a.ts#f', ${everyOption("osUser")}, '{"axes":[{"values":[1]}]}', true)`,
    `post_sweep('a.ts#f', '{}', '{"axes":[{"values":["' || ${long} || '"]}]}', true)`,
  ],
  "desired(p_provides, p_project)": null,
  "desired_pools(p_provides, p_project)": null,
  "desired_slots(p_provides, p_project)": null,
  "retry(p_fingerprint)": null,
  "set_limits(p_limits)": [`set_limits('{$id}', ${option("maxRate", long)})`],
  "set_variable(p_name, p_value)": [
    `set_variable(${long}, '1')`,
    `set_variable('v', ${asJson(long)})`,
  ],
  "share_of(p_poster)": null,
  "sign_posting(p_statement, p_key_id, p_signature, p_blocks)": [
    sign(long, "'k'", "'s'", "''"),
    sign("'t'", long, "'s'", "''"),
    sign("'t'", "'k'", long, "''"),
    sign("'t'", "'k'", "'s'", long),
  ],
  "sweep_lines(p_sweep)": null,
  "sweep_parts(p_axis)": null,
  "swap_variable(p_name, p_old, p_new)": [
    `swap_variable(${long}, null, '1')`,
    `swap_variable('w', null, ${asJson(long)})`,
  ],
};

test("each API function that takes a text is called with a long one", async () => {
  const doors = await owner.sql<{ call: string }[]>`
    with door as (
      select distinct unnest(pdoflow.kind_calls(kind)) as name
      from unnest(array['poster', 'viewer', 'operator', 'pool', 'scaler']) as kind)
    select distinct p.proname || '(' || (
      select string_agg(p.proargnames[place], ', ' order by place)
      from unnest(p.proargtypes) with ordinality as t (type, place)
      where format_type(t.type, null) ~ 'text|json|bytea|char|name|claim_options|outcome_batch') || ')' as call
    from pg_proc p join door on door.name = p.proname
    where p.pronamespace = 'pdoflow'::regnamespace
      and exists (select from unnest(p.proargtypes) t where format_type(t, null) ~ 'text|json|bytea|char|name|claim_options|outcome_batch')
    order by 1`;
  const wanted = Object.keys(calls).toSorted();
  expect(doors.map(({ call }) => call).toSorted()).toEqual(wanted);
});

test("no text is stored beyond its limit", async () => {
  const codes = new Map<string, string>();
  for (const call of Object.values(calls).flatMap((each) => each ?? [])) {
    const text = call
      .replaceAll("$id", String(id))
      .replaceAll("$pool", String(pool))
      .replaceAll("$lease", String(lease));
    try {
      await poster.sql.unsafe(`select pdoflow.${text}`);
      codes.set(call, "kept");
    } catch (error) {
      codes.set(call, errorCode(error) ?? String(error));
    }
  }
  // A limit of the role, a wrong argument, what is kept of a job; else it is kept in part.
  const raw = [...codes].filter(([, code]) => !/^(kept|PF00[12]|54000|23514)$/.test(code));
  expect(raw).toEqual([]);
  const kept = [...codes].flatMap(([call, code]) => (code === "kept" ? [call.slice(0, 24)] : []));
  expect(kept.length).toBeGreaterThan(8);
  const tooLong: string[] = [];
  for (const { table, column, name } of await textColumns()) {
    const [row] = await owner.sql<{ bytes: number }[]>`
      select coalesce(max(octet_length(${owner.sql(column)}::text)), 0)::float8 as bytes
      from pdoflow.${owner.sql(table)}`;
    if ((row?.bytes ?? 0) > (most.get(name) ?? 200_000)) tooLong.push(`${name}: ${row?.bytes}`);
  }
  expect(tooLong).toEqual([]);
}, 60_000);
