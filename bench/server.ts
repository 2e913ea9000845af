import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { connect, type Db } from "../src/db/connection/connect.ts";
import { configuredTarget } from "../src/db/settings/target.ts";
import { serverPaths } from "../src/db/settings/server-paths.ts";
import { ensureServer, stopServer } from "../src/server/server.ts";
import { placeOfVersion, prepareVersion } from "../test/server-version.ts";

export interface BenchDatabase {
  name: string;
  db: Db;
  url: string;
}

export interface BenchServer extends AsyncDisposable {
  /** A folder for files of the cases, removed with the server. */
  folder: string;
  /** Makes an empty database. */
  database(name: string): Promise<BenchDatabase>;
  /** Makes a database that is the copy of another one, to which nobody may be connected. */
  copy(from: BenchDatabase, name: string): Promise<BenchDatabase>;
  /** Removes a database, so that it takes no disk and no autovacuum from the next case. */
  drop(database: BenchDatabase): Promise<void>;
  /** Name and value of what a hostile reader would ask for first. */
  settings(): Promise<Record<string, string>>;
  /**
   * Brings the server to rest after jobs were posted: statistics are fresh, as autovacuum would
   * make them in a minute, and nothing that was posted is left to be written to disk.
   */
  settle(database: BenchDatabase): Promise<void>;
}

/**
 * Starts a PostgreSQL of its own in a new folder, with the durable settings of the embedded one: the
 * embedded one, or an installed one of another version. `settings` are those of postgresql.conf that
 * differ.
 */
export async function startServer(
  onProgress: (sentence: string) => void,
  version: number | null = null,
  settings: Readonly<Record<string, string>> = {},
): Promise<BenchServer> {
  const folder = mkdtempSync("/tmp/pdoflow-bench-");
  chmodSync(folder, 0o755); // where we are root, the server is another user
  const embedded = serverPaths({
    env: { PDOFLOW_DATA: join(folder, "data") },
    uid: process.getuid?.() ?? 0,
    platform: process.platform,
    home: homedir(),
  });
  const place = version === null ? embedded : placeOfVersion(embedded, version);
  if (version !== null) await prepareVersion(place, version);
  const open: Db[] = [];
  const urlOf = (name: string) => `postgres://pdoflow@/${name}?host=${place.socketFolder}`;
  const connectTo = (url: string): Db => {
    const target = configuredTarget(url, {});
    if (!target) throw new Error(`expected a URL, found ${url}`);
    const db = connect(target, { connections: 1 });
    open.push(db);
    return db;
  };
  await ensureServer(place, { onProgress });
  if (Object.keys(settings).length > 0) {
    const first = connectTo(urlOf("pdoflow"));
    for (const [name, value] of Object.entries(settings)) {
      await first.sql.unsafe(`alter system set ${name} = '${value}'`);
    }
    await first.close();
    await stopServer(place);
    await ensureServer(place, { onProgress });
  }
  const admin = connectTo(urlOf("pdoflow"));
  return {
    folder,
    async database(name) {
      await admin.sql`create database ${admin.sql(name)}`;
      return { name, db: connectTo(urlOf(name)), url: urlOf(name) };
    },
    async copy(from, name) {
      await from.db.close();
      await admin.sql`create database ${admin.sql(name)} template ${admin.sql(from.name)}
                      strategy file_copy`;
      from.db = connectTo(from.url);
      return { name, db: connectTo(urlOf(name)), url: urlOf(name) };
    },
    async drop({ db, name }) {
      await db.close();
      await admin.sql`drop database ${admin.sql(name)} with (force)`;
    },
    async settings() {
      const rows = await admin.sql<{ name: string; setting: string }[]>`
        select name, current_setting(name) as setting from pg_settings
        where name in ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes',
                       'wal_level', 'shared_buffers', 'max_wal_size', 'autovacuum')`;
      return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
    },
    async settle({ db }) {
      await db.sql`vacuum (analyze)`;
      await db.sql`checkpoint`;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(open.map((db) => db.close()));
      await stopServer(place);
      for (const path of [folder, place.socketFolder])
        rmSync(path, { recursive: true, force: true });
    },
  };
}
