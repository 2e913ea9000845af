import { readFileSync, statSync } from "node:fs";

import { InvalidInput } from "../../domain/errors.ts";

/** The text of a file; null if it does not exist. */
export function textOf(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code }: { code?: unknown } = Object(error); // in Jest it is not an Error of this realm
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new InvalidInput(file, [
      code === "EACCES"
        ? "it can't be read. Give this user the right to read it"
        : `expected a file, found that it can't be read (${String(code)})`,
    ]);
  }
}

/**
 * Refuses a file with a secret that other users can read. As in libpq, root's group may read files
 * of root if `groupOfRoot` is set.
 *
 * @throws {InvalidInput} with the remedy.
 */
export function requirePrivate(file: string, { groupOfRoot = false } = {}): void {
  const { mode, uid } = statSync(file);
  const forbidden = groupOfRoot && uid === 0 ? 0o037 : 0o077;
  if ((mode & forbidden) === 0) return;
  throw new InvalidInput(file, [
    `expected a file that only its owner can read, found that others can (mode ` +
      `${(mode & 0o777).toString(8).padStart(4, "0")}). Run: chmod 600 ${file}`,
  ]);
}
