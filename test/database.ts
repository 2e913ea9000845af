import { createHash } from "node:crypto";
import { join } from "node:path";

import { connect, type Db, type Sql } from "../src/db/connection/connect.ts";
import { migrations } from "../src/db/admin/migration-list.ts";
import { migrate } from "../src/db/admin/migrations.ts";
import { configuredTarget, embeddedTarget, type Target } from "../src/db/settings/target.ts";
import { ensureServer, serverState } from "../src/server/server.ts";
import { placeOf, thisRun } from "./test-run.ts";

/** A database of one test's own, with the current schema and no rows. */
export interface TestDatabase extends AsyncDisposable {
  /** Two connections, as the superuser. */
  sql: Sql;
  db: Db;
  /** For child processes: the value of `PDOFLOW_DATABASE_URL`. */
  url: string;
  name: string;
}

/**
 * Makes a database; disposing it drops it, and cuts off remaining connections. The server is
 * that of `PDOFLOW_TEST_DATABASE_URL`, whose role must be a superuser, or else an embedded one,
 * shared by all tests of this run: it must not be killed, and nothing on it is durable.
 */
export async function freshDatabase(): Promise<TestDatabase> {
  const { admin, clone } = await (maker ??= openMaker());
  const name = `pdoflow_test_${crypto.randomUUID().replaceAll("-", "")}`;
  await admin.sql.unsafe(`create database ${name} ${clone}`);
  const target = { ...admin.target, database: name };
  const db = connect(target, { connections: 2 });
  return {
    sql: db.sql,
    db,
    url: urlOf(target),
    name,
    async [Symbol.asyncDispose]() {
      await db.close();
      await admin.sql.unsafe(`drop database if exists ${name} with (force)`);
    },
  };
}

/** What makes the databases of this process. */
interface Maker {
  /** Open until the process ends: a connection costs more than making and dropping a database. */
  admin: Db;
  /** The clauses of `create database`. */
  clone: string;
}

let maker: Promise<Maker> | undefined;

async function openMaker(): Promise<Maker> {
  const server = await testServer();
  const template = await ensureTemplate(server);
  const admin = connect(server, { connections: 1 });
  const strategy = (await isQuickToSync(admin)) ? " strategy file_copy" : "";
  return { admin, clone: `template ${template}${strategy}` };
}

/** Whether copying files beats copying through the log: 60 ms against 100, if nothing is synced. */
async function isQuickToSync({ sql }: Db): Promise<boolean> {
  const [row] = await sql<{ isQuick: boolean }[]>`
    select current_setting('fsync') = 'off'
      and current_setting('server_version_num')::int >= 150000 as is_quick`;
  return row?.isQuick ?? false;
}

/**
 * The name of the database to clone. The first process creates it, under a lock of the server. The
 * name contains a digest of the migrations, so a permanent server keeps it for the next run.
 */
async function ensureTemplate(server: Target): Promise<string> {
  await using admin = connect(server, { connections: 1 });
  const { sql } = admin;
  const hash = createHash("sha256").update(JSON.stringify(migrations)).digest("hex").slice(0, 16);
  const name = `pdoflow_test_template_${hash}`;
  const draft = `${name}_draft`;
  const exists = async () =>
    (await sql`select 1 from pg_database where datname = ${name}`).length > 0;
  if (await exists()) return name;
  await sql`select pg_advisory_lock(hashtext(${name}))`; // until our connection ends
  if (await exists()) return name;
  await sql`drop database if exists ${sql(draft)} with (force)`; // its maker was killed
  await sql`create database ${sql(draft)} template template0`;
  await using db = connect({ ...server, database: draft }, { connections: 1 });
  await migrate(db);
  await db.close();
  await sql`alter database ${sql(draft)} rename to ${sql(name)}`;
  return name;
}

let server: Promise<Target> | undefined;

function testServer(): Promise<Target> {
  const named = configuredTarget(process.env["PDOFLOW_TEST_DATABASE_URL"], {});
  if (named) return Promise.resolve({ ...named, source: "PDOFLOW_TEST_DATABASE_URL" });
  return (server ??= embeddedServer());
}

async function embeddedServer(): Promise<Target> {
  const run = thisRun();
  const place = placeOf(run);
  if (serverState(place).kind === "stopped") await startKeeper(run.pid, run.startMark);
  const target = embeddedTarget(await ensureServer(place), "pdoflow");
  return { ...target, source: "the server of this test run" };
}

async function startKeeper(...run: [pid: number, startMark: string]): Promise<void> {
  const command = [process.execPath, join(import.meta.dir, "server-keeper.ts"), ...run.map(String)];
  // Not our child: at the end of a file, `bun test --parallel` ends what that file has started.
  const shell = Bun.spawn(["/bin/sh", "-c", '"$@" &', "sh", ...command], {
    cwd: "/",
    detached: true, // in a session of its own: Ctrl-C must not end it before its server
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { done } = await shell.stdout.getReader().read();
  if (done) {
    throw new Error(
      "The PostgreSQL for the tests should have started and did not: see above. " +
        "To use another one, set PDOFLOW_TEST_DATABASE_URL to its URL.",
    );
  }
}

function urlOf({ host, port, user, password, database, tls }: Target): string {
  const query = new URLSearchParams({ host, port: String(port), user });
  if (password !== undefined) query.set("password", password);
  query.set("sslmode", tls === false ? "disable" : tls);
  return `postgres:///${encodeURIComponent(database)}?${query.toString()}`;
}
