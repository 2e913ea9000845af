import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** The folder whose files were asked for can't be read. */
export class FolderNotReadable extends PdoflowError {
  override readonly name = "FolderNotReadable";
  readonly exitCode = exitCodes.notFound;
  constructor(folder: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`expected a folder that can be read, found ${folder}: ${reason}. Name another one.`);
  }
}

/**
 * The paths of the first `most` ordinary files below `folder`, depth first and sorted by name: the
 * same ones for the same tree. Links are not followed, and names that begin with a dot are passed
 * over, as a shell does. A folder further down that can't be read is given in place of its files,
 * so that whoever looks at it meets the reason.
 *
 * @throws {FolderNotReadable} `folder` itself can't be read.
 */
export async function* listFiles(folder: string, most: number): AsyncGenerator<string> {
  let left = most;
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

/** By UTF-16 code units: the order of a locale may change with the machine. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter(({ name }) => !name.startsWith("."))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
