import { expect, test } from "bun:test";

import type { Sql } from "../../../src/db/connection/connect.ts";
import { close, postWork } from "../../../src/index.ts";
import { freshDatabase } from "../../database.ts";
import { openPair, type ServerPair } from "../../server-pair.ts";
import { type Cli, openCli, until } from "../cli.ts";

const jobs = 2_000;

/** A pool and a caller of the library at work, both with both addresses; one is a standby. */
async function atWork(pair: ServerPair, cli: Cli) {
  await cli.write(
    "nap.ts",
    "export async function nap(i: number) { await Bun.sleep(4); return i; }",
  );
  const posting = await postWork(
    "nap.ts#nap",
    Array.from({ length: jobs }, (_, i) => [i]),
    [],
    { db: pair.url(pair.standby, pair.primary), root: cli.folder },
  );
  const pool = cli.start("pool", "--max-workers", "2");
  const said = pool.stderr.text();
  const ended = posting.wait({ timeoutMs: 60_000 });
  await recorded(pair.primary.db.sql, 300);
  return { pool, said, ended };
}

const recorded = (sql: Sql, least: number) =>
  until(`${least} outcomes`, async () => {
    const [row] = await sql`select count(*)::int as n from pdoflow.outcome`;
    return row?.["n"] >= least;
  });

async function expectAllDone({ db: { sql } }: ServerPair["standby"]): Promise<void> {
  const [row] = await sql`
    select count(*)::int as outcomes, max(attempt) as attempts,
           (select done from pdoflow.posting) as done from pdoflow.outcome`;
  expect(row).toEqual({ outcomes: jobs, attempts: 1, done: jobs });
}

test("after a crash of the server, pool and library continue with its standby once it accepts writes", async () => {
  await using pair = await openPair();
  using cli = await openCli({ url: pair.url(pair.primary, pair.standby) });
  const { pool, ended } = await atWork(pair, cli);
  await pair.primary.crash();
  await pair.standby.db.sql`select pg_promote()`;
  expect(await ended).toMatchObject({ state: "finished", done: jobs });
  await expectAllDone(pair.standby);
  expect(await cli.run("status")).toMatchObject({ code: 0 });
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
  await close();
}, 120_000);

test("if a server no longer accepts writes, clients move to the other one", async () => {
  await using pair = await openPair();
  using cli = await openCli({ url: pair.url(pair.primary, pair.standby) });
  const { pool, ended, said } = await atWork(pair, cli);
  const { sql } = pair.primary.db;
  await sql`alter system set default_transaction_read_only = on`;
  await sql`select pg_reload_conf()`;
  await until("the standby to have all", async () => {
    const [row] = await sql`
      select pg_current_wal_lsn() = replay_lsn and not exists (
        select from pg_stat_activity where state = 'active' and backend_xid is not null) as is_even
      from pg_stat_replication where current_setting('default_transaction_read_only') = 'on'`;
    return row?.["isEven"] === true;
  });
  await pair.standby.db.sql`select pg_promote()`;
  expect(await ended).toMatchObject({ state: "finished", done: jobs });
  await expectAllDone(pair.standby);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
  expect(await said).toContain("read-only transaction");
  await close();
}, 120_000);

test("if no address accepts writes, each is reported with its reason", async () => {
  await using pair = await openPair();
  using cli = await openCli({ url: pair.url(pair.standby, { ...pair.primary, host: "/nowhere" }) });
  const { code, err } = await cli.run("status");
  expect(code).toBe(3);
  expect(err).toContain(`socket ${pair.standby.host}: it does not accept writes: a standby`);
  expect(err).toContain("socket /nowhere: there is no socket.");
}, 60_000);

test("if an old primary comes back, all connections of a pool stay with the new one", async () => {
  await using pair = await openPair();
  const { primary, standby } = pair;
  await until("the standby to have the schema", async () => {
    const [row] = await standby.db.sql`select to_regclass('pdoflow.refusal') as last`;
    return row?.["last"] !== null;
  });
  await primary.db.sql`alter system reset synchronous_standby_names`;
  await primary.db.sql`select pg_reload_conf()`;
  using cli = await openCli({ url: pair.url(primary, standby) });
  await cli.write("one.ts", "export const one = () => 1;");
  const pool = cli.start("pool", "--max-workers", "1", "--heartbeat-timeout", "3s");
  await until("the pool to wait, on both", async () => {
    const waits = await standby.db.sql`select from pdoflow.pool where state = 'up' and listens`;
    return waits.length > 0;
  });
  primary.signalAll("SIGSTOP");
  await standby.db.sql`select pg_promote()`;
  const beats = async () =>
    (
      await standby.db.sql<{ at: number }[]>`
      select extract(epoch from heartbeat_at)::float8 as at from pdoflow.pool`
    )[0]?.at ?? 0;
  const before = await beats();
  await until("a beat on the new primary", async () => (await beats()) > before);
  primary.signalAll("SIGCONT");
  const posted = await cli.runWith(
    { env: { PDOFLOW_DATABASE_URL: pair.url(standby) } },
    ...["post", "one.ts#one", "--each", "1-100"],
  );
  expect(posted).toMatchObject({ code: 0 });
  await until("its jobs to end", async () => {
    const [row] = await standby.db.sql`select done from pdoflow.posting where ended_at is not null`;
    return row?.["done"] === 100;
  });
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
}, 120_000);

test("a pool whose row a failover has lost continues with a new row", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("one.ts", "export const one = () => 1;");
  const pool = cli.start("pool", "--max-workers", "1", "--heartbeat-timeout", "3s");
  const row = async () =>
    (await db.sql<{ id: number }[]>`select id from pdoflow.pool where state = 'up' and listens`)[0];
  const first = await until("the pool to wait", row);
  await db.sql`delete from pdoflow.pool`;
  const second = await until("a new row", row);
  expect(second.id).not.toBe(first.id);
  expect(await cli.run("post", "one.ts#one", "--each", "1", "--wait")).toMatchObject({ code: 0 });
  await db.sql`delete from pdoflow.pool`; // also while it ends
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
}, 60_000);
