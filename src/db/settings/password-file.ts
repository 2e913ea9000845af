import type { Address } from "./addresses.ts";
import { requirePrivate, textOf } from "./secret-file.ts";

/** Where distributions put PostgreSQL's sockets; in a password file these are localhost. */
const socketFolders: readonly string[] = ["/var/run/postgresql", "/run/postgresql", "/tmp"];

const field = String.raw`((?:\\.|[^\\:])*):`;
const entry = new RegExp(`^${field.repeat(4)}(.*?)\r?$`);

/**
 * The password that a file such as ~/.pgpass has for a server: that of the first line
 * `host:port:database:user:password` that matches, where * matches everything and a backslash makes
 * the next letter plain. Undefined if there is none.
 *
 * @throws {InvalidInput} other users can read the file.
 */
export function passwordFrom(
  file: string,
  { host, port }: Address,
  database: string,
  user: string,
): string | undefined {
  const wanted = [socketFolders.includes(host) ? "localhost" : host, String(port), database, user];
  for (const line of (textOf(file) ?? "").split("\n")) {
    const [, ...fields] = entry.exec(line) ?? [];
    const isMeant = wanted.every((value, i) => {
      const field = fields[i];
      return field === "*" || (field !== undefined && unescaped(field) === value);
    });
    if (!isMeant || line.startsWith("#")) continue;
    requirePrivate(file);
    return unescaped(fields[4] ?? "");
  }
  return undefined;
}

const unescaped = (field: string): string => field.replace(/\\(.)/g, "$1");
