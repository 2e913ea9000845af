import { constants, openSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { hasCode } from "../../domain/errors.ts";

/** Of Linux, on all machines (asm-generic/fcntl.h); node:fs does not have it. */
const tmpfileBit = 0o20000000;
const withoutName = constants.O_RDWR | constants.O_DIRECTORY | tmpfileBit;

/**
 * Opens a new file in the temp folder without a name, so that it disappears when this process ends,
 * however it ends. `flags` are added to those for reading and writing.
 */
export function createUnnamedFile(flags = 0): number {
  if (process.platform === "linux") {
    try {
      return openSync(tmpdir(), withoutName | flags, 0o600);
    } catch (error) {
      if (!isUnsupported(error)) throw error;
    }
  }
  const path = join(tmpdir(), `pdoflow-${crypto.randomUUID()}`);
  const always = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
  const file = openSync(path, always | flags, 0o600);
  unlinkSync(path); // at once; a process that is killed before leaves an empty file
  return file;
}

/**
 * Some file systems, such as NFS, only have files with names; they report that with these codes.
 */
const isUnsupported = (error: unknown) =>
  hasCode(error, "EOPNOTSUPP", "ENOTSUP", "EISDIR", "EINVAL");
