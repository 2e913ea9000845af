import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** The given folder cannot be read. */
export class FolderNotReadable extends PdoflowError {
  override readonly name = "FolderNotReadable";
  readonly exitCode = exitCodes.notFound;
  constructor(folder: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`expected a readable folder, found ${folder}: ${reason}. Choose another folder.`);
  }
}

/**
 * The paths of the first `limit` ordinary files below `folder`, depth first and sorted by name, so
 * the same tree gives the same files. Symbolic links are not followed and names that begin with a
 * dot are skipped. A subfolder that cannot be read is returned in place of its files, so that its
 * job reports the reason.
 *
 * @throws {FolderNotReadable} `folder` itself can't be read.
 */
export async function* listFiles(folder: string, limit: number): AsyncGenerator<string> {
  let left = limit;
  if (left <= 0) return;
  const entries = await entriesOf(folder).catch((error: unknown) => {
    throw new FolderNotReadable(folder, error);
  });
  for await (const path of filesAmong(entries, folder)) {
    yield path;
    if (--left === 0) return;
  }
}

async function* filesAmong(entries: readonly Dirent[], folder: string): AsyncGenerator<string> {
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isFile()) yield path;
    if (!entry.isDirectory()) continue;
    const below = await entriesOf(path).catch(() => null);
    if (below) yield* filesAmong(below, path);
    else yield path;
  }
}

/** Sorted by UTF-16 code units, because the order of a locale depends on the machine. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter(({ name }) => !name.startsWith("."))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
