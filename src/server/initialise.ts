import { chownSync, existsSync, mkdtempSync, renameSync } from "node:fs";
import { join } from "node:path";

import type { ServerPaths } from "../db/settings/server-paths.ts";
import type { Accounts } from "./account.ts";
import { draftMark, syncFolder } from "./folders.ts";
import { run } from "./run.ts";

// In postgresql.conf, where a user can change them; the access rules are elsewhere (access.ts).
const settings = {
  shared_buffers: "128MB",
  max_connections: "100",
  max_wal_size: "2GB",
  log_checkpoints: "off", // a line every five minutes that nobody reads
};

/**
 * Creates the database cluster in `paths.data`, unless it exists: a role and a database called
 * pdoflow, UTF-8, the same text order on every machine. Call it inside `alone`.
 */
export async function initialise(
  paths: ServerPaths,
  accounts: Accounts,
  onProgress: (sentence: string) => void,
): Promise<void> {
  if (existsSync(paths.data)) return;
  onProgress(`creating a database in ${paths.folder} (first start only)`);
  const { username, database } = paths.address;
  const draft = mkdtempSync(paths.data + draftMark);
  chownSync(draft, accounts.server.uid, accounts.server.gid);
  const initdb = [
    `--pgdata=${draft}`,
    `--username=${username}`,
    "--encoding=UTF8",
    "--no-locale",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth=reject", // access.ts defines who may connect
    "--no-instructions",
    ...Object.entries(settings).map(([name, value]) => `--set=${name}=${value}`),
  ];
  await run(join(paths.program, "bin/initdb"), initdb, accounts);
  const single = ["--single", "-c", "exit_on_error=on", "-D", draft, "postgres"];
  const createDatabase = `create database ${database} strategy file_copy\n`;
  await run(join(paths.program, "bin/postgres"), single, accounts, createDatabase);
  renameSync(draft, paths.data);
  syncFolder(paths.folder);
}
