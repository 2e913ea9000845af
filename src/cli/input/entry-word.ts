import { realpathSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";

import { isCodeFile, pathInside } from "../../domain/entry-point.ts";
import { InvalidInput } from "../../domain/errors.ts";

/**
 * An entry point as it was typed, with its path from the root: an absolute path, or one with `..`,
 * as Tab completes them, is relative to the current folder. A file without a name means its default
 * export; if it has none, the check of the entry point names its exports.
 *
 * @throws {InvalidInput} the path leads out of the root.
 */
export function entryText(word: string, { cwd, root }: { cwd: string; root: string }): string {
  const hash = word.lastIndexOf("#");
  const isFile = hash < 0 && isCodeFile(word);
  const [path, name] = isFile
    ? [word, "default"]
    : [word.slice(0, Math.max(hash, 0)), word.slice(hash + 1)];
  if (hash < 0 && !isFile) return word;
  if (!path.startsWith("/") && !path.split("/").includes("..")) return `${path}#${name}`;
  const typed = resolve(cwd, path);
  const inside = pathInside(root, typed) ?? pathInside(real(root), real(typed));
  if (inside !== undefined) return `${inside}#${name}`;
  throw new InvalidInput("Entry point", [
    `expected a file in the root ${root}, found ${typed}. ` +
      `Write: ${basename(typed)}#${name} --root ${dirname(typed)}`,
  ]);
}

/** With symlinks followed; the path itself if it does not exist. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
