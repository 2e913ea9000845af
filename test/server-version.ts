// Another PostgreSQL than the one inside of PDOFlow, for a test that needs a certain version.
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";

import type { ServerPaths } from "../src/db/settings/server-paths.ts";
import { findAccounts } from "../src/server/account.ts";
import { draftMark, prepareFolder } from "../src/server/folders.ts";
import { alone } from "../src/server/lock.ts";
import { copyProgram } from "../src/server/program.ts";
import { run } from "../src/server/run.ts";

/** PostgreSQL 14, which npm installs on Linux with an x64 processor only. */
export const oldestProgram = join(import.meta.dir, "../node_modules/postgres-14/native");

/** Where a PostgreSQL is installed: from npm, or by Debian (apt-get install postgresql-15). */
const programOf = (version: number): string =>
  version === 14 ? oldestProgram : `/usr/lib/postgresql/${version}`;

/** `place` with the folders of another major version. */
export const placeOfVersion = (place: ServerPaths, version: number): ServerPaths => ({
  ...place,
  serverVersion: String(version),
  program: join(place.folder, `server-${version}`),
  data: join(place.folder, `postgres-${version}`),
});

/** What `ensureServer` does before it starts a server, with the flags that initdb of 14 knows. */
export async function prepareVersion(place: ServerPaths, version: number): Promise<void> {
  const installed = programOf(version);
  if (!existsSync(installed)) {
    throw new Error(
      `expected PostgreSQL ${version} in ${installed}, found nothing. For 14: npm ci, on ` +
        `linux-x64. Else, on Debian: apt-get install postgresql-${version}`,
    );
  }
  const accounts = findAccounts(place);
  prepareFolder(place, accounts);
  await alone(place.lock, async () => {
    if (existsSync(place.data)) return;
    rmSync(place.program, { recursive: true, force: true });
    if (version === 14) {
      mkdirSync(place.program, { recursive: true });
      copyProgram(installed, place.program); // the server's account may not be let in there
    } else {
      symlinkSync(installed, place.program); // its other files are found from where it really is
    }
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
