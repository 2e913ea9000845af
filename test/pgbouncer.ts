import { chownSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { TestDatabase } from "./database.ts";

/** The program; null if this machine has none (Debian: apt-get install pgbouncer). */
export const pgbouncer: string | null = Bun.which("pgbouncer", {
  PATH: `${process.env["PATH"]}:/usr/sbin:/usr/local/sbin`,
});

/** A PgBouncer in transaction mode before one database. */
export interface Bouncer extends AsyncDisposable {
  url: string;
}

const port = 6432;

/** `connections` is how many it opens to the server: fewer than its clients have, so they share. */
export async function openBouncer(
  { db: { target } }: TestDatabase,
  connections: number,
): Promise<Bouncer> {
  const folder = mkdtempSync(join(tmpdir(), "pdoflow-bouncer-"));
  const password = target.password === undefined ? "" : ` password='${target.password}'`;
  const config = join(folder, "pgbouncer.ini");
  writeFileSync(
    config,
    `[databases]
     * = host='${target.host}' port=${target.port} user=${target.user}${password}
     [pgbouncer]
     listen_port = ${port}
     unix_socket_dir = ${folder}
     auth_type = any
     pool_mode = transaction
     default_pool_size = ${connections}
     logfile = ${join(folder, "log")}\n`.replaceAll(/^ +/gm, ""),
  );
  const child = Bun.spawn([pgbouncer ?? "", "-q", ...asServer(target.host, folder), config], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  const socket = join(folder, `.s.PGSQL.${port}`);
  while (!existsSync(socket)) {
    if (child.exitCode !== null) {
      throw new Error(`PgBouncer did not start:\n${await Bun.file(join(folder, "log")).text()}`);
    }
    await Bun.sleep(10);
  }
  const query = new URLSearchParams({ host: folder, port: String(port), user: target.user });
  return {
    url: `postgres:///${target.database}?${query.toString()}`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** It refuses to run as root. As the server's own account it may open the server's socket. */
function asServer(socketFolder: string, folder: string): string[] {
  if (process.getuid?.() !== 0) return [];
  const { uid, gid } = socketFolder.startsWith("/")
    ? statSync(join(socketFolder, ".s.PGSQL.5432"))
    : { uid: 65_534, gid: 65_534 };
  chownSync(folder, uid, gid);
  return [
    "-u",
    Bun.spawnSync(["id", "-nu", String(uid)])
      .stdout.toString()
      .trim(),
  ];
}
