import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

import { exitCodes, PdoflowError } from "../domain/errors.ts";
import type { ServerPaths } from "../db/settings/server-paths.ts";

/** Another machine that shares the data folder started its server and did not stop it. */
export class ServerElsewhere extends PdoflowError {
  override readonly name = "ServerElsewhere";
  readonly exitCode = exitCodes.database;
  constructor(folder: string, host: string, marker: string) {
    super(
      `The data in ${folder} was last served by the machine ${host}, which has not stopped its ` +
        `server; two servers would destroy it. Stop that one, or if it is gone permanently, ` +
        `remove ${marker}. For work on several machines set PDOFLOW_DATABASE_URL to a database.`,
    );
  }
}

/**
 * Marks the data as served by this machine. PostgreSQL's own interlock only works on one machine:
 * in a home folder on NFS, the pid of another machine's server means nothing here. Call it inside
 * `alone`, before a start.
 *
 * @throws {ServerElsewhere}
 */
export function claimForHost({ folder, data }: ServerPaths): void {
  const marker = join(folder, "server.host");
  const bootId = "/proc/sys/kernel/random/boot_id";
  // A new container on the same machine has another name and the same boot id.
  const here = [hostname(), existsSync(bootId) ? readFileSync(bootId, "utf8").trim() : "-"];
  if (existsSync(marker) && existsSync(join(data, "postmaster.pid"))) {
    const [host = "", boot = ""] = readFileSync(marker, "utf8").split("\n");
    const same = host === here[0] || (boot === here[1] && boot !== "-");
    if (!same && host !== "") throw new ServerElsewhere(folder, host, marker);
  }
  writeFileSync(marker, here.join("\n"));
}
