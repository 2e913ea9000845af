// docs/sql.md: its statements run, its lists are complete, and posting by SQL equals ours.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";

import { type Db, errorCode } from "../../../src/db/connection/connect.ts";
import { insertPosting } from "../../../src/db/posting/insert.ts";
import { freshQueue, jobsOf, newPool, nth, numberOf, recordEach, take } from "../engine.ts";
import { type Roles, withRoles } from "../roles/roles.ts";
import { eachJob } from "../each-job.ts";

const root = join(import.meta.dir, "../../..");
const page = await Bun.file(join(root, "docs/sql.md")).text();

let roles: Roles;
let ada: Db;

beforeAll(async () => {
  roles = await withRoles("ada");
  await roles.grant("ada", "poster");
  await roles.grant("ada", "pool", { posters: [] });
  ada = await roles.as("ada");
});

afterAll(() => roles[Symbol.asyncDispose]());

test("the statements of docs/sql.md work as documented, for a poster with its own table", async () => {
  const { sql } = roles.db;
  await sql`create schema app`;
  await sql`grant all on schema app to public`;
  await sql`create schema cron`;
  await sql`grant usage on schema cron to public`;
  await sql.unsafe(`create function cron.schedule(text, text, text) returns void language plpgsql
    as $$ begin execute $3; execute $3; end $$`);
  await ada.sql`set search_path = app`;
  await ada.sql`create table image (id serial, path text)`;
  await ada.sql`insert into image (path) values ('a.png'), ('b.png')`;
  const blocks = [...page.matchAll(/^```sql\n(.*?)^```$/gms)].map(([, text = ""]) => text);
  expect(blocks.length).toBeGreaterThan(5);
  for (const block of blocks) await ada.sql.unsafe(block);
  await ada.sql`reset search_path`;
  const postings = await ada.sql<{ entry: string; state: string; jobs: number }[]>`
    select entry_point as entry, state, job_count as jobs from pdoflow.postings order by id`;
  const fit = { entry: "fit.ts#fit", state: "cancelled", jobs: 3 };
  const thumbnail = { entry: "thumbnail.ts#make", state: "open" };
  expect([...postings]).toEqual([
    fit,
    // The page's second posting is of the table, its third is the large one.
    { ...fit, state: "open", jobs: 2 },
    { ...fit, state: "open", jobs: 5000 },
    { ...fit, state: "open", jobs: 2_000_000 },
    { ...thumbnail, jobs: 1 },
    { ...thumbnail, jobs: 100 },
    { entry: "nightly.ts#main", state: "open", jobs: 1 },
    { entry: "thumbnail.ts#pack", state: "open", jobs: 1 },
  ]);
});

test("docs/sql.md lists exactly the functions and columns that exist", async () => {
  const names = await roles.db.sql<{ name: string }[]>`
    select unnest(pdoflow.kind_calls('poster') || pdoflow.kind_calls('operator')) as name
    except
    select unnest(array['post_batch', 'post_sweep', 'sweep_lines', 'sweep_parts', 'sweep_number',
      'next_span', 'caller', 'is_owner', 'has_grant',
      'sees_all', 'runs_all', 'own_routes', 'run_routes', 'running_jobs', 'fingerprint',
      'failed_jobs', 'seqs_of', 'index_of', 'runs_of', 'limit_room', 'follow', 'sign_posting',
      'ranges_of', 'lane_cursor', 'block_of', 'lines_of', 'max_bytes_of', 'reads_all',
      'usage_group', 'each_outcome', 'runs_between', 'has_ended', 'jobs_between', 'waiting_between',
      'skips_between', 'tolerated', 'has_begun', 'obstacle_of', 'edges_above', 'obstacles_of', 'blocked_of', 'stages_of',
      'end_flow', 'continue_flow',
      'ancestors', 'tree_ids', 'tree_of', 'faults_below', 'skip_root', 'is_blocked', 'edge_states',
      'upstream_of', 'read_results', 'over_lines', 'over_bytes', 'over_end',
      'prunes'])`;
  expect(names.length).toBeGreaterThan(10);
  for (const { name } of names) expect([name, page.includes(`${name}(`)]).toEqual([name, true]);
  const columns = await roles.db.sql<{ name: string; columns: string }[]>`
    select c.relname::text as name, string_agg('\`' || attname || '\`', ', ' order by attnum) as columns
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    where relnamespace = 'pdoflow'::regnamespace and attnum > 0
      and relname in ('postings', 'jobs', 'outcomes', 'failures', 'pools', 'edges')
    group by c.relname`;
  expect(columns).toHaveLength(6);
  for (const { name, columns: listed } of columns) {
    expect(page.match(new RegExp(`^\\| \`${name}\`.*$`, "m"))?.[0]).toContain(listed);
  }
});

const all = {
  ...{ name: "n", maxAttempts: 5, backoffMs: 7, timeoutMs: 11, graceMs: 13, stopAfter: 17 },
  ...{ maxFailures: 19, maxFailuresPercent: 2.5, maxRunning: 23, maxRate: "29/m" },
  ...{
    runAt: "2026-01-01T02:00:00Z",
    keepsResults: false,
    keepsOutput: "all" as const,
    keepMs: 31,
    osUser: "u",
  },
  needs: [["gpu", "has"] as const],
};

test.each<[string, object]>([
  ["with all options", all],
  ["with none", {}],
])("SQL and the library write the same rows, %s", async (_, given) => {
  await using db = await freshQueue();
  const priorities = [1, 5, 1, -3, 5];
  const args = priorities.map((_priority, n) => `[${n}]`);
  const posting = { entryPoint: "a.ts#f", priority: 0, osUser: "", ...given };
  const batches = (size: number) =>
    Array.from({ length: Math.ceil(5 / size) }, (_batch, n) => ({
      args: args.slice(n * size, (n + 1) * size),
      priorities: priorities.slice(n * size, (n + 1) * size),
    }));
  const ids = [
    (await insertPosting(db, posting, batches(5), "")).id,
    (await insertPosting(db, posting, batches(2), "")).id,
  ];
  const options = JSON.stringify({ ...given, priority: priorities });
  const [row] = await db.sql<{ id: number }[]>`
    select pdoflow.post('a.ts#f', '[[0], [1], [2], [3], [4]]', ${options}::text::jsonb) as id`;
  ids.push(row?.id ?? 0);
  const written = await Promise.all(
    ids.map(async (id) => {
      const [text] = await db.sql<{ all: object }[]>`
        select json_build_object(
          'posting', (select to_jsonb(p) - array['id', 'token', 'posted_at']
                      from pdoflow.posting p where id = ${id}),
          'jobs', (select json_agg(to_jsonb(job) - 'posting_id' order by seq)
                   from ${db.sql.unsafe(eachJob)} where posting_id = ${id}),
          'lanes', (select json_agg(to_jsonb(l) - 'posting_id' order by first_seq)
                    from pdoflow.lane l where posting_id = ${id})) as all`;
      return text?.all;
    }),
  );
  expect(written[1]).toEqual(written[0]);
  expect(written[2]).toEqual(written[0]);
  expect(JSON.stringify(written[0])).toContain('"index":1'); // they are sorted
});

test.each([
  [`'', '[[1]]'`, "expected path/to/file.ts#name or package/sub#name, found ''"],
  [`null, '[[1]]'`, "expected path/to/file.ts#name"],
  [`'a.ts#f', '{"a": 1}'`, "expected a list of jobs, each a list of arguments or an object"],
  [`'a.ts#f', null`, "expected a list of jobs"],
  [`'a.ts#f', '[]'`, "expected at least one job"],
  [`'a.ts#f', '[1, 2]'`, "job 0: expected a list of arguments or an object, found a number"],
  [`'a.ts#f', '[[1]]', '{"triez": 1}'`, 'unknown posting option "triez"'],
  [
    `'a.ts#f', '[[1]]', '{"maxAttempts": 0}'`,
    "option maxAttempts: expected a whole number from 1 to 1000",
  ],
  [`'a.ts#f', '[[1]]', '{"maxAttempts": 1.5}'`, "option maxAttempts: expected a whole number"],
  [
    `'a.ts#f', '[[1]]', '{"maxAttempts": null}'`,
    "option maxAttempts: expected a value, found null",
  ],
  [`'a.ts#f', '[[1]]', '{"maxRate": "10"}'`, 'option maxRate: expected a rate such as "10/s"'],
  [`'a.ts#f', '[[1]]', '{"priority": [1, 2]}'`, "option priority: expected 1 numbers"],
  [`'a.ts#f', '[[1]]', '{"name": "1a"}'`, "option name: expected up to 100 letters"],
  [`'a.ts#f', '[[1]]', '{"needs": ["gpu"]}'`, "option needs: expected needs such as"],
  [`'a.ts#f', '[[1]]', '{"needs": [["gpu", "=", "-1"]]}'`, "option needs: expected needs such as"],
  [`'a.ts#f', '[[1]]', '{"needs": [["GPU", "=", 1]]}'`, "option needs: expected needs such as"],
  [
    `'a.ts#f', '[[1]]', '{"needs": [["cpus", "=", 4], ["mem", "=", 8]]}'`,
    "option needs: expected an amount of mem in bytes, at least 1048576 (1M)",
  ],
  [`'a.ts#f', '[[1]]', '{"needs": [["cpu", ">=", 4]]}'`, "option needs: expected needs such as"],
  [`'a.ts#f', '[[1]]', '[]'`, "expected an object"],
])("post(%s) reports the fault", async (args, message) => {
  const said = ada.sql.unsafe(`select pdoflow.post(${args})`);
  const error: unknown = await said.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(String(error)).toContain(message);
  expect(errorCode(error)).toBe("PF002");
});

test("a key returns the existing posting, and belongs to one entry point", async () => {
  const post = (entry: string) => ada.sql<{ id: number }[]>`
    select pdoflow.post(${entry}, '[[1]]', '{"key": "once"}') as id`;
  const [first] = await post("a.ts#f");
  expect((await post("a.ts#f"))[0]).toEqual(nth([...(first ? [first] : [])], 0));
  const error: unknown = await post("b.ts#f").catch((reason: unknown) => reason);
  expect(String(error)).toContain('the key "once" belongs to posting');
});

test("postings, jobs, outcomes and failures have the results", async () => {
  const [posted] = await ada.sql<{ id: number }[]>`
    select pdoflow.post('view.ts#f', '[[1], [2], [3]]') as id`;
  const id = posted?.id ?? 0;
  const pool = await newPool(ada);
  const routes = await ada.sql<{ id: number }[]>`
    select route_id as id from pdoflow.posting where id = ${id}`;
  await ada.sql`select pdoflow.pause(array(select id from pdoflow.postings where id <> ${id}))`;
  const jobs = jobsOf(await take(ada, pool, { cap: 2, routes: routes.map((route) => route.id) }));
  await recordEach(ada, pool, jobs, [
    { result: "5" },
    { state: "failed", error: '{"name":"E","message":"why"}', stderr: "oh" },
  ]);
  const [status] = await ada.sql`
    select waiting, running, done, failed from pdoflow.status(${id})`;
  expect(status).toEqual({ waiting: 1, running: 0, done: 1, failed: 1 });
  const seen = await ada.sql`
    select index, status, result from pdoflow.jobs where posting_id = ${id} order by index`;
  expect([...seen]).toEqual([
    { index: 0, status: "done", result: 5 },
    { index: 1, status: "failed", result: null },
    { index: 2, status: "waiting", result: null },
  ]);
  const [outcome] = await ada.sql`
    select state, stderr, host from pdoflow.outcomes where posting_id = ${id} and index = 1`;
  expect(outcome).toEqual({ state: "failed", stderr: "oh", host: "here" });
  const [failure] = await ada.sql`
    select index, name, message from pdoflow.failures where posting_id = ${id}`;
  expect(failure).toEqual({ index: 1, name: "E", message: "why" });
  const [alive] =
    await ada.sql`select is_alive from pdoflow.pools where id = ${await numberOf(roles.db, pool)}`;
  expect(alive).toEqual({ isAlive: true });
});
