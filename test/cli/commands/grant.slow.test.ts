// The commands of the binary as roles use them, on a queue whose owner is no superuser.
import { afterAll, beforeAll, expect, test } from "bun:test";

import { type Roles, withRoles } from "../../db/roles/roles.ts";
import { type Ended } from "../../binary/cli.ts";
import { documentOf } from "./json.ts";
import { type Commands, openCommands } from "../in-process.ts";

let roles: Roles;

let cli: Commands;

beforeAll(async () => {
  roles = await withRoles("owner", "ada", "bob", "vera", "olaf", "cluster", "nobody");
  cli = await openCommands(roles);
  await cli.write(
    "f.ts",
    "export const f = (n: number) => { if (n < 0) throw Error('no'); return n; };",
  );
  await grant("owner", "owner");
  await grant("ada", "poster", "--max-open", "3");
  await grant("bob", "poster");
  await grant("bob", "pool", "--own");
  await grant("vera", "viewer");
  await grant("olaf", "operator");
  await grant("cluster", "pool");
});

afterAll(async () => {
  cli[Symbol.dispose]();
  await roles[Symbol.asyncDispose]();
});

async function grant(role: string, ...words: string[]): Promise<void> {
  const done = await cli.run("grant", "--role", roles.nameOf(role), "as", ...words);
  expect([words, done.code, done.err]).toEqual([words, 0, expect.stringContaining(" is now ")]);
}

const as = (role: string, ...args: string[]): Promise<Ended> =>
  cli.runWith({ env: { PGOPTIONS: `-c role=${roles.nameOf(role)}` } }, ...args);

/** Runs a command that has to work, and returns its output. */
async function out(role: string, ...args: string[]): Promise<string> {
  const ended = await as(role, ...args);
  expect({ args, ...ended }).toMatchObject({ args, code: 0 });
  return ended.out.trim();
}

test("a poster posts, the cluster's pool runs it, and roles with the right see it", async () => {
  const id = await out("ada", "post", "f.ts#f", "--each", "1-3", "--max-attempts", "1");
  expect((await as("cluster", "pool", "--once", "--max-workers", "1")).code).toBe(0);
  const results = await out("ada", "results", id);
  expect(results).toContain('"index":2,"status":"done","result":3');
  expect(await out("vera", "results", id)).toBe(results);
  expect(await out("vera", "status", id, "--json")).toContain('"done":3');
  expect(await as("bob", "results", id)).toMatchObject({ code: 4, out: "" });
  expect(await as("bob", "status", id)).toMatchObject({ code: 4, out: "" });
  expect((await as("cluster", "results", id)).code).not.toBe(0);
  expect(await out("bob", "list", "--all")).not.toContain("f.ts#f");
}, 60_000);

test("run by a poster without the right to run pools is refused before anything is posted", async () => {
  const run = await as("ada", "run", "f.ts#f", "--each", "1-2");
  expect(run).toMatchObject({ code: 3, out: "" });
  expect(run.err).toContain("Nothing was posted. Ask the owner of the schema for: pdoflow grant");
  const open = await roles.db.sql`select from pdoflow.posting p join pdoflow.route r
    on r.id = p.route_id where r.run <> ''`;
  expect(open).toHaveLength(0);
});

test("a poster runs her own jobs at once, with a pool that may run no others", async () => {
  const adas = await out("ada", "post", "f.ts#f", "--args", "7");
  expect(await out("bob", "run", "f.ts#f", "--each", "4,5")).toBe("4\n5");
  expect((await as("bob", "pool", "--once", "--max-workers", "1")).code).toBe(0);
  expect(await out("ada", "status", adas, "--json")).toContain('"waiting":1');
  expect(await as("bob", "cancel", adas)).toMatchObject({ code: 4 });
  expect(await out("olaf", "cancel", adas)).toBe("");
}, 60_000);

test("status shows a pool's role what it may see, and top names the grant that it lacks", async () => {
  const id = await out("ada", "post", "f.ts#f", "--args", "7");
  await out("ada", "schedule", "add", "night", "0 3 * * *", "--", "post", "f.ts#f", "--args", "1");
  const status = documentOf("status", await out("cluster", "status", "--json"));
  expect(status.postings.map((posting) => String(posting.id))).toContain(id);
  expect(status.schedules).toEqual([]);
  expect(await out("cluster", "status", id)).toContain("f.ts#f");
  expect(documentOf("status", await out("ada", "status", "--json")).schedules).toHaveLength(1);
  const top = await as("cluster", "top", "--json");
  expect(top).toMatchObject({ code: 3, err: expect.stringContaining(" as viewer, or as poster") });
  await out("ada", "schedule", "delete", "night");
  await out("ada", "cancel", id);
}, 60_000);

test("commands that a role may not run are refused, with a remedy", async () => {
  const owners = "only the owner of the queue may do that";
  for (const [role, ...args] of [
    ["vera", "post", "f.ts#f", "--args", "1"],
    ["ada", "pool", "--once"],
    ["ada", "drain", "1"],
    ["olaf", "prune", "--older-than", "1d", "--yes"],
    ["olaf", "grant", "--role", "x", "as", "poster"],
    ["nobody", "status"],
  ] as const) {
    const { code, err } = await as(role, ...args);
    const remedy = role === "olaf" ? owners : "pdoflow grant";
    expect([args, code, err]).toEqual([args, 3, expect.stringContaining(remedy)]);
    expect(err).not.toContain("    at ");
  }
}, 60_000);

test("a limit is reported with its value", async () => {
  for (const n of ["1", "2", "3"]) await out("ada", "post", "f.ts#f", "--args", n);
  const { code, err } = await as("ada", "post", "f.ts#f", "--args", "4");
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining("its limit of 3 open") });
  await out("ada", "cancel", "last:3", "--yes");
});

test("doctor works for each role that was granted something", async () => {
  for (const role of ["ada", "vera", "cluster"]) {
    const { out, err } = await as(role, "doctor");
    expect(out).not.toContain("rights");
    expect({ role, err }).toEqual({ role, err: expect.stringMatching(/^PostgreSQL .*\ntimeline/) });
  }
  expect((await as("nobody", "doctor")).out).toContain("rights");
});

test("grant lists, --show-sql changes nothing and says all, and mistakes are reported", async () => {
  const list = (await cli.run("grant")).out;
  expect(list).toMatch(/bob_\w+ +pool +--own/);
  expect(list).toMatch(/ada_\w+ +poster +--max-open 3/);
  const nobody = roles.nameOf("nobody");
  const shown = await cli.run("grant", "--role", nobody, "as", "viewer", "--show-sql");
  expect(shown.out).toContain(`grant select on pdoflow.posting to ${nobody};`);
  expect((await cli.run("grant")).out).toBe(list);
  await roles.db.sql.unsafe(shown.out); // by hand it does the same
  expect((await as("nobody", "status")).code).toBe(0);
  const taken = await cli.run("revoke", "--role", nobody, "as", "viewer", "--show-sql");
  await roles.db.sql.unsafe(taken.out);
  expect((await as("nobody", "status")).code).toBe(3);
  for (const [args, code, message] of [
    [
      ["grant", "--role", "nobody here", "as", "poster"],
      4,
      'the role "nobody here" does not exist',
    ],
    [["grant", "--role", nobody, "as", "king"], 2, "expected one of poster, viewer"],
    [["grant", "--role", nobody, "poster"], 2, "expected: as poster"],
    [["grant", "--role", nobody, "as", "viewer", "--own"], 2, "apply to a pool only"],
    [["grant", "--role", nobody, "as", "pool", "--share", "2"], 2, "apply to a poster only"],
    [["grant", "--role", nobody, "as", "poster", "--share", "0"], 2, "from 0.01 to 100"],
    [["grant", "as", "poster"], 2, "expected --role NAME"],
    [["grant", "--role", "pdoflow", "as", "poster"], 2, "has all rights"],
    [
      ["revoke", "--role", nobody, "as", "owner"],
      2,
      "found owner. Grant ownership to another role",
    ],
  ] as const) {
    const { code: found, err } = await cli.run(...args);
    expect([args, found, err]).toEqual([args, code, expect.stringContaining(message)]);
  }
}, 60_000);

test("a revoked role loses its rights, and its postings stay", async () => {
  await grant("nobody", "poster");
  const id = await out("nobody", "post", "f.ts#f", "--args", "1");
  await cli.run("revoke", "--role", roles.nameOf("nobody"), "as", "poster");
  expect((await as("nobody", "status", id)).code).toBe(3);
  expect((await as("vera", "status", id)).code).toBe(0);
  await out("olaf", "cancel", id);
});

test("an upgrade by the owner keeps grants, and extends them to new functions", async () => {
  const { sql } = roles.db;
  // As if the last migration were missing, which adds functions that others may call.
  await sql`drop function pdoflow.set_priority(bigint[], integer)`;
  await sql`
    create function pdoflow.set_priority(p_postings bigint[], p_priority integer)
    returns bigint[] language sql security definer as $$ select '{}'::bigint[] $$`;
  await sql`create function pdoflow.added() returns integer language sql as 'select 1'`;
  const mayCall = async (role: string, name: string) =>
    (
      await sql<{ may: boolean }[]>`
        select bool_and(has_function_privilege(${roles.nameOf(role)}, oid, 'execute')) as may
        from pg_proc where pronamespace = 'pdoflow'::regnamespace and proname = ${name}`
    )[0]?.may;
  expect(await mayCall("nobody", "added")).toBe(true); // as the server shows it
  await sql`select pdoflow.apply_grants()`; // what each migrate ends with
  expect([await mayCall("ada", "set_priority"), await mayCall("ada", "added")]).toEqual([
    true,
    false,
  ]);
  expect(await mayCall("vera", "set_priority")).toBe(false);
  expect((await as("ada", "status")).code).toBe(0);
  const again = await as("owner", "migrate");
  expect(again).toMatchObject({ code: 0, err: expect.stringContaining("is up to date") });
});

test("an owner without superuser rights opens spans, prunes, and transfers the queue", async () => {
  await roles.db.sql`select pdoflow.open_span(5000)`;
  const done = await out("bob", "run", "f.ts#f", "--args", "1");
  expect(done).toBe("1");
  expect((await as("owner", "prune", "--older-than", "0s", "--yes")).code).toBe(0);
  const [owners] = await roles.db.sql`
    select count(*)::int as others from pg_class
    where relnamespace = 'pdoflow'::regnamespace and relkind in ('r', 'p', 'v')
      and pg_get_userbyid(relowner) <> ${roles.nameOf("owner")}`;
  expect(owners).toEqual({ others: 0 }); // new spans are the owner's, too
}, 60_000);
