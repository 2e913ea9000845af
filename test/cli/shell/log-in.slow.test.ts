// Roles that log in with their own password over TCP, as on a shared server.
import { afterAll, beforeAll, expect, test } from "bun:test";

import { connect, type Db, errorCode } from "../../../src/db/connection/connect.ts";
import { grantKind } from "../../../src/db/admin/grants.ts";
import { migrate } from "../../../src/db/admin/migrations.ts";
import { actors, openMatrix, type Matrix, tryAll } from "../../db/roles/matrix.ts";
import { type Roles, unlimited } from "../../db/roles/roles.ts";
import { openTlsServer, type TlsServer } from "../../tls-server.ts";
import { type Commands, openCommands } from "../in-process.ts";

let server: TlsServer;

let matrix: Matrix;

let cli: Commands;

const open: Db[] = [];

/** Letters that must arrive unchanged. */
const passwordOf = (role: string) => `pass:${role}'\\ %41@/ü`;

function logIn(role: string, password = passwordOf(role)): Db {
  const place = { host: "127.0.0.1", port: server.port, user: role, password, tls: false as const };
  const more = { database: "pdoflow", schema: "pdoflow", source: "a test" };
  const db = connect({ ...place, ...more }, { connections: 1 });
  open.push(db);
  return db;
}

const url = (role: string, password = passwordOf(role)) =>
  `postgres://${role}:${encodeURIComponent(password)}@127.0.0.1:${server.port}/pdoflow?sslmode=disable`;

beforeAll(async () => {
  server = await openTlsServer(`host all ${actors.join()} 127.0.0.1/32 scram-sha-256`);
  await migrate(server.db);
  await server.db.sql`set password_encryption = 'scram-sha-256'`;
  for (const role of actors) {
    await server.db.sql`select set_config('a.word', ${passwordOf(role)}, false),
                               set_config('a.role', ${role}, false)`;
    await server.db.sql`do $$ begin execute format('create role %I login password %L',
      current_setting('a.role'), current_setting('a.word')); end $$`;
  }
  const roles: Roles = {
    ...{ db: server.db, url: "", nameOf: (role: string) => role },
    as: (role) => Promise.resolve(logIn(role)),
    grant: (role, kind, more = {}) => grantKind(server.db, role, { ...unlimited, kind, ...more }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  matrix = await openMatrix(roles);
  cli = await openCommands(null);
}, 60_000);

afterAll(async () => {
  cli[Symbol.dispose]();
  for (const db of open) await db.close();
  await server[Symbol.asyncDispose]();
});

test("only roles with the right, which have logged in, can do each act", async () => {
  const [row] = await matrix.session("poster").sql`
    select session_user::text as who, inet_client_addr() is not null as remote`;
  expect(row).toEqual({ who: "poster", remote: true });
  expect(await tryAll(matrix)).toEqual([]);
}, 60_000);

test("a role that has logged in cannot become another one", async () => {
  const { sql } = matrix.session("stranger");
  const tries = [
    sql`set role poster`,
    sql`set session authorization poster`,
    sql`set session authorization owner`,
    sql`select set_config('role', 'owner', false)`,
    sql`alter role stranger superuser`,
    sql`grant owner to stranger`,
    sql`reassign owned by poster to stranger`,
  ];
  const codes = [];
  for (const each of tries) {
    try {
      await each;
      codes.push("done");
    } catch (error) {
      codes.push(errorCode(error));
    }
  }
  expect(codes.filter((code) => code !== "42501")).toEqual([]);
  const [row] = await sql`select pdoflow.caller() as caller`;
  expect(row).toEqual({ caller: "stranger" });
});

test("post and pool work with a password; without the right one they do nothing", async () => {
  await cli.write("f.ts", "export const f = (n: number) => 2 * n;");
  const as = (role: string, password: string | undefined, ...args: string[]) =>
    cli.runWith({ input: "[[21]]", env: { PDOFLOW_DATABASE_URL: url(role, password) } }, ...args);
  const posted = await as("poster", undefined, "post", "f.ts#f", "-");
  expect(posted).toMatchObject({ code: 0, err: "" });
  const id = posted.out.trim();
  expect(await as("pool", "wrong", "pool", "--once")).toMatchObject({
    code: 3,
    err: expect.stringContaining("the password is wrong"),
  });
  expect((await as("stranger", undefined, "results", id)).code).toBe(4);
  // As if the heartbeat timeout of the pool of the first test had ended.
  await server.db.sql`update pdoflow.pool set heartbeat_at = '-infinity'`;
  expect((await as("pool", undefined, "pool", "--once", "--max-workers", "1")).err).toContain(
    "done",
  );
  expect((await as("poster", undefined, "results", id)).out).toContain('"result":42');
  const nobody = await as("nobody", undefined, "post", "f.ts#f", "-");
  expect([nobody.code, nobody.err]).toEqual([3, expect.stringContaining("pdoflow grant")]);
  const [row] = await server.db.sql`select poster from pdoflow.postings where id = ${id}`;
  expect(row).toEqual({ poster: "poster" });
}, 60_000);

test("without the right to advisory locks no role can block others with them, and everything works", async () => {
  const page = await Bun.file(new URL("../../../docs/security.md", import.meta.url)).text();
  const [block = ""] = /do \$\$\n[^`]+?end \$\$;/.exec(page) ?? [];
  await server.db.sql.unsafe(block.replace("to boss", "to owner"));
  const lock = matrix.session("stranger").sql`select pg_advisory_lock_shared(1)`;
  expect(await lock.then(() => null, errorCode)).toBe("42501");
  await grantKind(server.db, "stranger", { ...unlimited, kind: "poster", maxOpen: 100 });
  const as = (role: string, ...args: string[]) =>
    cli.runWith({ input: "[[1]]", env: { PDOFLOW_DATABASE_URL: url(role) } }, ...args);
  const posted = await as("stranger", "post", "f.ts#f", "-", "--max-rate", "10/s");
  expect(posted).toMatchObject({ code: 0, err: "" });
  await matrix.session("poster").sql`select pdoflow.next_span()`;
  const ran = await as("pool", "pool", "--once", "--max-workers", "1");
  expect(ran.err).toContain("1 done, 0 failed");
  for (const args of [["migrate"], ["prune", "--older-than", "0s", "--yes"]]) {
    expect([args, (await as("owner", ...args)).code]).toEqual([args, 0]);
  }
}, 60_000);
