import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { ServerPaths } from "../db/settings/server-paths.ts";
import type { Accounts } from "./account.ts";

/**
 * Writes the access rules and returns the server arguments that use them: no connections by
 * network, and on the unix socket only the user who starts the server. The kernel identifies the
 * caller, so there are no passwords. The account that runs root's server is not let in, because
 * root would run the code that it posts.
 *
 * The files lie beside the data, not in it, so that root never writes into a folder of another
 * account, where a symbolic link could wait.
 */
export function restrictAccess(paths: ServerPaths, { caller }: Accounts): string[] {
  const { username, port } = paths.address;
  const hba = join(paths.folder, "pg_hba.conf");
  const ident = join(paths.folder, "pg_ident.conf");
  write(hba, [`local all ${username} peer map=pdoflow`]);
  write(ident, [`pdoflow ${quoted(caller.name)} ${username}`]);
  return [
    `--unix_socket_directories=${quoted(paths.socketFolder)}`, // a list, separated by commas
    `--port=${port}`,
    "--listen_addresses=",
    "--unix_socket_permissions=0700",
    `--hba_file=${hba}`,
    `--ident_file=${ident}`,
  ];
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

function write(file: string, lines: readonly string[]): void {
  writeFileSync(file, ["# Written by pdoflow at each start.", ...lines, ""].join("\n"));
  chmodSync(file, 0o644); // whatever the umask: the server's account reads the file
}
