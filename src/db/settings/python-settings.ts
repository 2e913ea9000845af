// The settings of the Python original, for its users.
import { InvalidInput } from "../../domain/errors.ts";
import { readLines } from "./conninfo.ts";
import type { Environment, Settings } from "./parameters.ts";

/** Its variables, with ours and its defaults. */
const variables = [
  ["POSTGRES_HOST", "PGHOST", ""],
  ["POSTGRES_PORT", "PGPORT", "5432"],
  ["POSTGRES_DB", "PGDATABASE", "postgres"],
  ["POSTGRES_USER", "PGUSER", "postgres"],
  ["POSTGRES_PASSWORD", "PGPASSWORD", ""],
] as const;

/**
 * Refuses the variables by which the original found its server. Other programs use these names too,
 * so they are not obeyed; to ignore them would start the embedded server without a word.
 *
 * @throws {InvalidInput} POSTGRES_HOST is set. The message repeats no value.
 */
export function refusePythonVariables(env: Environment): void {
  if (!env["POSTGRES_HOST"]) return;
  const exports = variables.flatMap(([theirs, ours, otherwise]) => {
    if (env[theirs]) return [`${ours}="$${theirs}"`];
    return otherwise === "" ? [] : [`${ours}=${otherwise}`];
  });
  throw new InvalidInput("POSTGRES_HOST", [
    `expected PGHOST or PDOFLOW_DATABASE_URL: pdoflow does not read POSTGRES_HOST. To use that ` +
      `server, run: export ${exports.join(" ")}. For the embedded server, unset POSTGRES_HOST`,
  ]);
}

/** The section `[pdoflow]` of its db.conf; null if the text has none. */
export function readPythonSection(text: string, file: string): Settings | null {
  if (!/^\s*\[pdoflow\]\s*$/m.test(text)) return null;
  const renamed = text
    .replaceAll(/^(\s*)database_name(?=\s*=)/gm, "$1dbname")
    .replaceAll(/^(\s*)username(?=\s*=)/gm, "$1user");
  const settings = readLines(renamed, file, "pdoflow");
  if (settings?.has("host") === false) settings.set("host", { value: "localhost", from: file });
  return settings;
}
