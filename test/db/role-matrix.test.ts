// Every act of the product by every role (docs/security.md), and the matrix of what was found.
import { afterAll, beforeAll, expect, test } from "bun:test";

import { holdPostings, resumePostings } from "../../src/db/control.ts";
import { type Db, errorCode } from "../../src/db/connect.ts";

import { registerPool } from "../../src/db/pools.ts";
import { prune } from "../../src/db/prune.ts";

import { readCounts } from "../../src/db/status.ts";
import { writeVariable } from "../../src/db/variables.ts";
import { jobsOf, newPool, outcome, postJobs, record, recordEach, take } from "./engine.ts";
import { type Act, acts, some } from "./acts.ts";
import { type Roles, trying, withRoles } from "./roles.ts";

/** `poster` acts on a posting of its own; `stranger`, another poster, and all others on that. */
const actors = ["poster", "stranger", "viewer", "operator", "pool", "ownPool", "owner", "nobody"];

let roles: Roles;
const sessions = new Map<string, Db>();
/** A posting of the poster with a failed job, one that is done, and some that wait. */
let id: number;

beforeAll(async () => {
  roles = await withRoles(...actors);
  await roles.db.sql`grant create on database ${roles.db.sql(roles.db.target.database)}
    to ${roles.db.sql(roles.nameOf("owner"))}`;
  await roles.grant("owner", "owner");
  await roles.grant("poster", "poster");
  await roles.grant("stranger", "poster");
  await roles.grant("viewer", "viewer");
  await roles.grant("operator", "operator");
  await roles.grant("pool", "pool");
  await roles.grant("ownPool", "pool", { posters: [] });
  for (const actor of actors) sessions.set(actor, await roles.as(actor));
  id = await postJobs(session("poster"), 5, { name: "mine", maxRunning: 3 });
  await writeVariable(session("poster"), "own", "1");
  await writeVariable(session("operator"), "shared", "2");
  const pool = await newPool(session("pool"));
  const jobs = jobsOf(await take(session("pool"), pool, { cap: 2 }));
  await recordEach(session("pool"), pool, jobs, [
    { state: "failed", error: '{"name":"E","message":"no"}' },
    { result: '"secret"' },
  ]);
  await roles.db.sql`
    insert into pdoflow.live_output (posting_id, seq, pool_id, attempt, told_at, stdout,
                                     stdout_end, stderr, stderr_end)
    values (${id}, 4, ${pool}, 1, now() + interval '1 h', 'printed', 7, '', 0)`;
});

afterAll(() => roles[Symbol.asyncDispose]());

const session = (actor: string): Db => {
  const db = sessions.get(actor);
  if (!db) throw new Error(`expected a session of ${actor}`);
  return db;
};

/** Whether an actor can do something; a refusal is one of the server's, and nothing else. */
async function can(actor: string, act: Act["act"]): Promise<boolean> {
  return await trying(session(actor), async (db) => {
    try {
      return await act(db, id);
    } catch (error) {
      if (/^(42501|PF003)$/.test(errorCode(error) ?? "")) return false;
      throw error;
    }
  });
}

test("each act is done by those who may, and by no others", async () => {
  const lines: string[] = [];
  const wrong: string[] = [];
  for (const [name, { act, by }] of Object.entries(acts)) {
    const found: string[] = [];
    for (const actor of actors) {
      const isDone = await can(actor, act);
      found.push((isDone ? "yes" : "-").padEnd(9));
      const may = by.split(" ").includes(actor);
      if (isDone !== may) wrong.push(`${name}: ${actor} ${isDone ? "could" : "could not"}`);
    }
    lines.push(`${name.padEnd(28)}${found.join("")}`);
  }
  const header = `${"".padEnd(28)}${actors.map((actor) => actor.padEnd(9)).join("")}`;
  console.log(["", header, ...lines].map((line) => line.trimEnd()).join("\n"));
  expect(wrong).toEqual([]);
}, 60_000);

test("resuming is for the same ones as pausing", async () => {
  await holdPostings(roles.db, [id], "paused", "why");
  const able: string[] = [];
  for (const actor of actors) {
    if (await can(actor, (db) => some(resumePostings(db, [id])))) able.push(actor);
  }
  await resumePostings(roles.db, [id]);
  expect(able).toEqual(["poster", "operator", "owner"]);
});

test("nobody but the owner reads, writes or calls anything else", async () => {
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
           or relname ~ '^(job|outcome)_\\d+$')
      and has_table_privilege(role.oid, c.oid, 'select')
    union all
    select rolname, 'call of ' || proname from role, pg_proc p
    where pronamespace = 'pdoflow'::regnamespace and has_function_privilege(role.oid, p.oid, 'execute')
      and not prosecdef and proname not in ('caller', 'is_owner', 'listen', 'fingerprint',
        'failed_jobs', 'failed_before', 'seqs_of', 'limit_room')`;
  expect([...held]).toEqual([]);
});

test("a function that runs as the owner has a search_path of its own", async () => {
  const loose = await roles.db.sql`
    select proname from pg_proc
    where pronamespace = 'pdoflow'::regnamespace and prosecdef
      and not coalesce('search_path=pg_catalog, pg_temp' = any (proconfig), false)`;
  expect([...loose]).toEqual([]);
});

test("a poster's pool that may run its own jobs alone runs them", async () => {
  await roles.grant("stranger", "pool", { posters: [] });
  const db = session("stranger");
  const own = await postJobs(db, 2);
  const pool = await registerPool(db, {
    ...{ host: "h", pid: 1, version: "t", osUser: "o", slots: 1, patienceMs: 15_000 },
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
  expect(await prune(session("owner"), wish)).toMatchObject({ postings: 0 });
  const refused = await Promise.allSettled(
    actors.filter((a) => a !== "owner").map((actor) => prune(session(actor), wish)),
  );
  expect(refused.map(({ status }) => status)).toEqual(refused.map(() => "rejected"));
});
