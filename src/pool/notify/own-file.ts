import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  type Stats,
  statSync,
} from "node:fs";

import { hasCode, InvalidInput, messageOf } from "../../domain/errors.ts";

/**
 * The text of a file with secrets; null if it does not exist. What is checked is what is read, also
 * if the path is a symlink or changes meanwhile.
 *
 * @throws {InvalidInput} it is no regular file, or another user owns it or can read it.
 */
export function textOfOwnFile(path: string): string | null {
  const file = open(path);
  if (file === null) return null;
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) {
      throw new InvalidInput(path, ["expected a regular file, found a folder or a special file"]);
    }
    requireOwner(path, stats);
    if ((stats.mode & 0o077) !== 0) {
      throw new InvalidInput(path, [
        `expected a file that only its owner can read, found that others can (mode ` +
          `${(stats.mode & 0o777).toString(8).padStart(4, "0")}). Run: chmod 600 ${path}`,
      ]);
    }
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

/**
 * Refuses a folder in which another user than this one or root can change files.
 *
 * @throws {InvalidInput} with the remedy.
 */
export function requireOwnFolder(path: string): void {
  const stats = statSync(path);
  requireOwner(path, stats);
  if ((stats.mode & 0o022) === 0) return;
  throw new InvalidInput(path, [
    "expected that only its owner can write there, found that other users can. " +
      `Run: chmod go-w ${path}`,
  ]);
}

/** Without waiting for the writer of a FIFO. */
function open(path: string): number | null {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return null;
    throw new InvalidInput(path, [
      `expected a file that this user can read, found an error: ${messageOf(error)}`,
    ]);
  }
}

/** Its owner decides which commands run. */
function requireOwner(path: string, { uid }: Stats): void {
  const own = process.geteuid?.() ?? uid; // Windows has none
  if (uid === own || uid === 0) return;
  throw new InvalidInput(path, [
    `expected that user ${own}, who runs this program, or root owns it, found that user ${uid} ` +
      `does. If its content is yours, run: chown ${own} ${path}`,
  ]);
}
