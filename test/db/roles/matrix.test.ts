// Every act of the product by every role (docs/security.md), and the matrix of the results.
import { afterAll, beforeAll, expect, test } from "bun:test";

import { pausePostings, resumePostings } from "../../../src/db/engine/control.ts";
import { registerPool } from "../../../src/db/engine/pools.ts";
import { prune } from "../../../src/db/admin/prune.ts";
import { readCounts } from "../../../src/db/read/status.ts";
import { some } from "../acts.ts";
import { jobsOf, outcome, postJobs, record, take } from "../engine.ts";
import { actors, type Matrix, openMatrix, tryAll } from "./matrix.ts";
import { type Roles, withRoles } from "./roles.ts";

let roles: Roles;
let matrix: Matrix;

beforeAll(async () => {
  roles = await withRoles(...actors);
  matrix = await openMatrix(roles);
});

afterAll(() => roles[Symbol.asyncDispose]());

test("only roles with the right can do each act", async () => {
  expect(await tryAll(matrix)).toEqual([]);
}, 60_000);

test("resuming is for the same ones as pausing", async () => {
  await pausePostings(roles.db, [matrix.id], "paused", "why");
  const able: string[] = [];
  for (const actor of actors) {
    if (await matrix.can(actor, (db) => some(resumePostings(db, [matrix.id])))) able.push(actor);
  }
  await resumePostings(roles.db, [matrix.id]);
  expect(able).toEqual(["poster", "operator", "owner"]);
});

test("only the owner reads, writes or calls anything else", async () => {
  const held = await roles.db.sql<{ actor: string; what: string }[]>`
    with role as (
      select rolname, oid from pg_roles where rolname = any (${`{${actors
        .filter((actor) => actor !== "owner")
        .map(roles.nameOf)
        .join()}}`}::text[]))
    select rolname as actor, privilege || ' on ' || relname as what
    from role, pg_class c, unnest(array['insert', 'update', 'delete', 'truncate', 'references',
                                        'trigger']) as privilege
    where relnamespace = 'pdoflow'::regnamespace and relkind in ('r', 'p', 'v')
      and has_table_privilege(role.oid, c.oid, privilege)
    union all
    select rolname, 'select on ' || relname from role, pg_class c
    where relnamespace = 'pdoflow'::regnamespace and relkind in ('r', 'p', 'v')
      and (relname in ('grantee', 'draft', 'signature', 'span', 'pruned', 'posting_key', 'job_key', 'runnable')
           or relname ~ '^(job|outcome_run)_\\d+$')
      and has_table_privilege(role.oid, c.oid, 'select')
    union all
    select rolname, 'call of ' || proname from role, pg_proc p
    where pronamespace = 'pdoflow'::regnamespace and has_function_privilege(role.oid, p.oid, 'execute')
      and not prosecdef and proname not in ('caller', 'is_owner', 'listen', 'fingerprint',
        'failed_jobs', 'seqs_of', 'index_of', 'runs_of', 'limit_room', 'refusal_of', 'tolerated',
        'has_begun', 'obstacle_of', 'obstacles', 'edges_above', 'obstacles_of', 'blocked_of', 'is_blocked', 'edge_states', 'stages_of',
        'lane_cursor', 'block_of', 'lines_of', 'max_bytes_of', 'sweep_lines', 'sweep_parts',
        'sweep_number', 'usage_group', 'each_outcome', 'runs_between', 'has_ended', 'jobs_between', 'waiting_between',
        'skips_between', 'jobs', 'upstream_of', 'ancestors', 'tree_ids', 'tree_of', 'faults_below', 'skip_root',
        'over_lines', 'over_bytes', 'over_end', 'prunes') -- in pdoflow.postings, and in the counts of a posting, which pools read, too
      and (proname <> 'ranges_of' -- in pdoflow.job_status, which pools do not read
           or rolname in (${roles.nameOf("pool")}, ${roles.nameOf("ownPool")}))`;
  expect([...held]).toEqual([]);
});

test("a function that runs as the owner has a fixed search_path", async () => {
  const loose = await roles.db.sql`
    select proname from pg_proc
    where pronamespace = 'pdoflow'::regnamespace and prosecdef
      and not coalesce('search_path=pg_catalog, pg_temp' = any (proconfig), false)`;
  expect([...loose]).toEqual([]);
});

test("a poster's pool that may run its own jobs alone runs them", async () => {
  await roles.grant("stranger", "pool", { posters: [] });
  const db = matrix.session("stranger");
  const own = await postJobs(db, 2);
  const pool = await registerPool(db, {
    ...{ host: "h", pid: 1, version: "t", osUser: "o", slots: 1, heartbeatTimeoutMs: 15_000 },
    ...{ provides: {}, posters: null },
  });
  const jobs = jobsOf(await take(db, pool));
  expect(jobs.map(({ postingId }) => postingId)).toEqual([own, own]);
  expect(await record(db, pool, jobs)).toBe(0);
  expect((await readCounts(db, [own])).get(own)).toMatchObject({ done: 2 });
  expect(outcome(jobs[0] ?? { leaseId: 0, postingId: 0, seq: 0, attempt: 0 }).state).toBe("done");
});

test("prune is for the owner", async () => {
  const wish = { olderThanMs: 1e12, states: ["finished" as const] };
  expect(await prune(matrix.session("owner"), wish)).toMatchObject({ postings: 0 });
  const refused = await Promise.allSettled(
    actors.filter((a) => a !== "owner").map((actor) => prune(matrix.session(actor), wish)),
  );
  expect(refused.map(({ status }) => status)).toEqual(refused.map(() => "rejected"));
});
