import { realpath } from "node:fs/promises";
import { relative } from "node:path";

import { sha256 } from "../../db/posting/block-digests.ts";
import { type EntryPoint, formatEntryPoint, isFileModule } from "../../domain/entry-point.ts";
import { InvalidInput, messageOf } from "../../domain/errors.ts";
import { bunResolve } from "./bun-resolve.ts";
import { resolveEntryFile } from "./entry-file.ts";
import { readLocalImports } from "./local-imports.ts";

/**
 * The digest of an entry point's code: a line for each file, its own and its direct and indirect
 * imports by relative paths, with the path from the root and the digest of the bytes.
 *
 * @throws {InvalidInput} it belongs to a package, or one of its files cannot be read.
 */
export async function codeDigest(root: string, entryPoint: EntryPoint): Promise<string> {
  const text = formatEntryPoint(entryPoint);
  if (!isFileModule(entryPoint.module)) {
    throw new InvalidInput("--pin", [`expected the code of a file, found a package: ${text}`]);
  }
  const file = await resolveEntryFile(root, entryPoint, bunResolve);
  const home = await realpath(root);
  const files = await readLocalImports(file).catch((error: unknown) => {
    throw new InvalidInput(`the code of ${text}`, [messageOf(error)]);
  });
  const lines = [...files].map(([path, bytes]) => `${relative(home, path)}\n${sha256(bytes)}\n`);
  return sha256(lines.sort().join(""));
}
