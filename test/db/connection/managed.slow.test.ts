// A server as a host of managed PostgreSQL gives it: no superuser, and limits on the role.
import { afterAll, beforeAll, expect, test } from "bun:test";

import { connect } from "../../../src/db/connection/connect.ts";
import { openCommands } from "../../cli/in-process.ts";
import { openTlsServer, type TlsServer } from "../../tls-server.ts";

let server: TlsServer;
beforeAll(async () => {
  server = await openTlsServer();
}, 60_000);
afterAll(() => server[Symbol.asyncDispose]());

const urlOf = (user: string, database: string) =>
  `postgres:///${database}?host=${server.socket}&port=${server.port}&user=${user}&sslmode=disable`;

/** Limits that hosts set, all of them shorter than what PDOFlow does in this test. */
const limits = [
  "statement_timeout = '50ms'",
  "lock_timeout = '50ms'",
  "idle_in_transaction_session_timeout = '200ms'",
  "idle_session_timeout = '300ms'",
];

/** A role with these attributes, a login and the limits, that owns a database of its name. */
async function makeOwner(name: string, attributes: string): Promise<void> {
  const { sql } = server.db;
  await sql.unsafe(`create role ${name} login nosuperuser ${attributes}`);
  for (const limit of limits) await sql.unsafe(`alter role ${name} set ${limit}`);
  await sql.unsafe(`create database ${name} owner ${name}`);
}

const source = `
export const nap = (i: number) => Bun.sleep(600).then(() => i);`;

test.each([
  ["host_admin", "createrole createdb"],
  ["host_user", "nocreaterole nocreatedb"],
])(
  "%s, %s and no superuser: migrate, post, run and prune work beyond the limits of the role",
  async (name, attributes) => {
    await makeOwner(name, attributes);
    using cli = await openCommands({ url: urlOf(name, name) });
    await cli.write("nap.ts", source);
    const run = async (line: string) => {
      const { code, err } = await cli.run(...line.split(" "));
      return code === 0 ? 0 : `${line}: ${code} ${err}`;
    };
    expect(await run("migrate")).toBe(0);
    expect(await run("post nap.ts#nap --each 1-4")).toBe(0);
    expect(await run("pool --once --max-workers 2")).toBe(0);
    expect(await run("wait 1")).toBe(0);
    expect(await run("list")).toBe(0);
    expect(await run("prune --older-than 0s --yes")).toBe(0);

    // Rights are for existing roles.
    const { sql } = server.db;
    await sql.unsafe(`create role ${name}_pool login nosuperuser`);
    expect(await run(`grant --role ${name}_pool as pool`)).toBe(0);
    const none = await cli.run("grant", "--role", "nobody", "as", "pool");
    expect(none.code).not.toBe(0);
    expect(none.err).toContain("nobody");
    const other = { env: { PDOFLOW_DATABASE_URL: urlOf(`${name}_pool`, name) } };
    expect(await cli.runWith(other, "pool", "--once")).toMatchObject({ code: 0 });
  },
  120_000,
);

test("without the right to create a schema, migrate names it", async () => {
  const { sql } = server.db;
  await sql.unsafe("create role guest login nosuperuser");
  await sql.unsafe("create database lobby");
  using cli = await openCommands({ url: urlOf("guest", "lobby") });
  const { code, err } = await cli.run("migrate");
  expect({ code, err }).toEqual({
    code: 3,
    err: expect.stringContaining("grant create on database lobby to guest"),
  });
  await sql.unsafe("grant create on database lobby to guest");
  expect(await cli.run("migrate")).toMatchObject({ code: 0 });
}, 60_000);

test("at a limit of connections, a pool says which, and one that runs comes back later", async () => {
  const { sql } = server.db;
  await sql.unsafe("create role few login nosuperuser");
  await sql.unsafe("create database few owner few");
  using cli = await openCommands({ url: urlOf("few", "few") });
  expect(await cli.run("migrate")).toMatchObject({ code: 0 });
  await sql.unsafe("alter role few connection limit 0");
  const refused = await cli.run("pool", "--once");
  expect({ code: refused.code, err: refused.err }).toEqual({
    code: 3,
    err: expect.stringContaining('too many connections for role "few"'),
  });
  await sql.unsafe("alter role few connection limit 4");
  const pool = cli.start("pool", "--heartbeat-timeout", "3s");
  await using watch = connect({ ...server.db.target, database: "few" }, { connections: 1 });
  const untilPools = async (n: number) => {
    while ((await watch.sql`select from pdoflow.pool where state = 'up'`).length !== n)
      await Bun.sleep(20);
  };
  await untilPools(1);
  await sql.unsafe("alter role few connection limit 0");
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'few'`;
  let said = "";
  const decoder = new TextDecoder();
  for await (const bytes of pool.stderr) {
    said += decoder.decode(bytes, { stream: true });
    if (said.includes("too many connections for role") || said.includes("no heartbeat")) break;
  }
  await sql.unsafe("alter role few connection limit 4");
  for await (const bytes of pool.stderr) {
    said += decoder.decode(bytes, { stream: true });
    if (said.includes("the database answers again")) break;
  }
  await untilPools(1);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
}, 90_000);
