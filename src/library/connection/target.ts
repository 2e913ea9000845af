import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import type { Environment } from "../../db/settings/parameters.ts";
import {
  configuredTarget,
  embeddedTarget,
  schemaName,
  type Target,
} from "../../db/settings/target.ts";
import { exitCodes, InvalidInput, PdoflowError } from "../../domain/errors.ts";
import { serverPaths } from "../../db/settings/server-paths.ts";

/** No setting names a database, and the embedded server does not run. */
export class NoDatabase extends PdoflowError {
  override readonly name = "NoDatabase";
  readonly exitCode = exitCodes.database;
  constructor(socket: string) {
    super(
      "No database is named by PDOFLOW_DATABASE_URL, DATABASE_URL or PGHOST, and no embedded " +
        `server listens at ${socket}. Set one of them, or run: pdoflow up`,
    );
  }
}

/**
 * The database of `url`, else of the environment, else the embedded server of this user, which the
 * library never starts by itself.
 *
 * @throws {NoDatabase} there is none of these.
 * @throws {InvalidInput} `url` or a variable has the wrong form.
 */
export function findTarget(url: string | undefined, env: Environment): Target {
  const configured = url === undefined ? configuredTarget(undefined, env) : fromUrl(url, env);
  if (configured !== null) return configured;
  const uid = process.getuid?.() ?? -1;
  const { address } = serverPaths({ env, uid, platform: process.platform, home: homedir() });
  const socket = join(address.host, `.s.PGSQL.${address.port}`);
  if (!existsSync(socket)) throw new NoDatabase(socket);
  return embeddedTarget(address, schemaName(env));
}

function fromUrl(url: string, env: Environment): Target {
  const source = "the option db";
  try {
    const target = configuredTarget(url, env);
    if (target !== null) return { ...target, source };
  } catch (error) {
    // The message would use the name of the command line's option.
    throw error instanceof InvalidInput ? new InvalidInput(source, error.problems) : error;
  }
  throw new InvalidInput(source, ["expected the URL of a database"]);
}
