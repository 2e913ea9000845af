// PostgreSQL 14, the oldest that pdoflow runs on, in the place of the newest: with
// PDOFLOW_TEST_POSTGRES=14 in its environment, `bun test` starts this one for its run.
import { chownSync, existsSync, mkdirSync, mkdtempSync, renameSync } from "node:fs";
import { join } from "node:path";

import packageJson from "../package.json" with { type: "json" };
import type { ServerPlace } from "../src/domain/server-place.ts";
import { findAccounts } from "../src/server/account.ts";
import { draftMark, prepareFolder } from "../src/server/folders.ts";
import { alone } from "../src/server/lock.ts";
import { copyProgram } from "../src/server/program.ts";
import { run } from "../src/server/run.ts";

/** "14.23.0", as npm numbers it. */
export const oldestVersion =
  /@(\d+\.\d+\.\d+)/.exec(packageJson.optionalDependencies["postgres-14"])?.[1] ?? "";

const native = join(import.meta.dir, "../node_modules/postgres-14/native");

/** npm installs this package on Linux with an x64 processor only. */
export const hasOldest = (): boolean => existsSync(native);

export const isOldestWanted = (): boolean => process.env["PDOFLOW_TEST_POSTGRES"] === "14";

/** `place` with the folders of this version. */
export const oldestPlace = (place: ServerPlace): ServerPlace => ({
  ...place,
  serverVersion: oldestVersion,
  program: join(place.folder, `server-${oldestVersion}`),
  data: join(place.folder, "postgres-14"),
});

/** What `ensureServer` does before it starts a server, with the flags that initdb of 14 knows. */
export async function prepareOldest(place: ServerPlace): Promise<void> {
  if (!hasOldest()) {
    throw new Error(`PostgreSQL 14 should be in ${native}. npm ci puts it there, on linux-x64.`);
  }
  const accounts = findAccounts(place);
  prepareFolder(place, accounts);
  await alone(place.lock, async () => {
    if (existsSync(place.data)) return;
    mkdirSync(place.program, { recursive: true });
    copyProgram(native, place.program);
    const draft = mkdtempSync(place.data + draftMark);
    chownSync(draft, accounts.server.uid, accounts.server.gid);
    const { username, database } = place.address;
    const flags = ["--encoding=UTF8", "--no-locale", "--auth=reject", "--no-sync"];
    const initdb = [`--pgdata=${draft}`, `--username=${username}`, ...flags];
    await run(join(place.program, "bin/initdb"), initdb, accounts);
    const single = ["--single", "-c", "exit_on_error=on", "-D", draft, "postgres"];
    const createDatabase = `create database ${database}\n`;
    await run(join(place.program, "bin/postgres"), single, accounts, createDatabase);
    renameSync(draft, place.data);
  });
}
