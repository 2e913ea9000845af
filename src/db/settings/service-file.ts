import { join } from "node:path";

import { InvalidInput } from "../../domain/errors.ts";
import { didYouMean, similarNames } from "../../domain/similar.ts";
import { readLines } from "./conninfo.ts";
import type { Environment, Settings } from "./parameters.ts";
import { textOf } from "./secret-file.ts";

/** Where distributions keep the file for all users, unless PGSYSCONFDIR names a folder. */
const systemFolders = ["/etc/postgresql-common", "/etc", "/usr/local/pgsql/etc"];

/** The files for all users; the first of them that has the service applies. */
export function sharedServiceFiles(env: Environment): string[] {
  const folder = env["PGSYSCONFDIR"];
  return (folder ? [folder] : systemFolders).map((each) => join(each, "pg_service.conf"));
}

/**
 * The parameters of a service: from `named` or ~/.pg_service.conf, else from the file for all
 * users.
 *
 * @throws {InvalidInput} no file has that service, or one has a fault.
 */
export function readService(name: string, named: string | undefined, env: Environment): Settings {
  const home = env["HOME"];
  const own = named ?? (home ? join(home, ".pg_service.conf") : undefined);
  const files = [...(own === undefined ? [] : [own]), ...sharedServiceFiles(env)];
  const others: string[] = [];
  for (const file of files) {
    const text = textOf(file);
    if (text === null && file === named) {
      throw new InvalidInput(`service ${name}`, [`there is no file ${file}`]);
    }
    if (text === null) continue;
    const found = readLines(text, file, name);
    if (!found) {
      others.push(...[...text.matchAll(/^\s*\[(.*)\]\s*$/gm)].map(([, each = ""]) => each));
      continue;
    }
    if (found.has("service")) {
      throw new InvalidInput(file, ["expected no service within a service"]);
    }
    return found;
  }
  throw new InvalidInput(`service ${name}`, [
    `expected a section [${name}] in one of ${files.join(", ")}, found none.` +
      didYouMean(similarNames(name, others)),
  ]);
}
