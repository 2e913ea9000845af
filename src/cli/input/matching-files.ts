import { lstatSync, readdirSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { ArgumentsNotFound } from "./arguments-not-found.ts";

/** The name of a file is not UTF-8, so it cannot be a JSON argument. */
export class NameNotUtf8 extends PdoflowError {
  override readonly name = "NameNotUtf8";
  readonly exitCode = exitCodes.usage;
  constructor(pattern: string, found: string) {
    super(
      `--from-glob '${pattern}': expected file names in UTF-8, found ${found}. Rename the file, ` +
        "or use a pattern that does not match it. Nothing was posted.",
    );
  }
}

/** The sorted paths of the files that match a pattern, relative if the pattern is relative. */
export async function matchingFiles(pattern: string, cwd: string): Promise<string[]> {
  // Bun's Glob neither leaves its folder nor takes absolute patterns: start below the fixed part.
  const [, folder = "", rest = pattern] = /^((?:[^*?[{\\]*\/)?)(.*)$/s.exec(pattern) ?? [];
  const scan = new Bun.Glob(rest).scan({ cwd: resolve(cwd, folder), onlyFiles: true });
  const found = await Array.fromAsync(scan).catch(() => []); // no such folder: reported below
  if (found.length === 0) {
    throw new ArgumentsNotFound(
      `no file matches "${pattern}" in ${cwd}. Quote the pattern so that the shell does not ` +
        "expand it. Nothing was posted.",
    );
  }
  const paths = found.sort(byCodePoint).map((path) => folder + path);
  const wrong = paths.find((path) => path.includes("\uFFFD") && !isThere(resolve(cwd, path)));
  if (wrong !== undefined) throw new NameNotUtf8(pattern, bytesOf(resolve(cwd, wrong), wrong));
  return paths;
}

/** The order of `LC_ALL=C ls`, the same on all machines. */
const byCodePoint = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** The bytes of a path that is not UTF-8, as in "d/caf\xe9.txt". */
function bytesOf(path: string, shown: string): string {
  const names = namesIn(dirname(path)).filter((bytes) => path.endsWith(`/${bytes.toString()}`));
  const name = names.map((bytes) => escapeBytes(bytes.toString("latin1")))[0];
  const folder = shown.slice(0, shown.lastIndexOf("/") + 1);
  return name === undefined ? `"${shown}"` : `"${folder}${name}"`;
}

function namesIn(folder: string): Buffer[] {
  try {
    return readdirSync(folder, { encoding: "buffer" });
  } catch {
    return []; // its own name is not UTF-8
  }
}

const escapeBytes = (latin1: string): string =>
  latin1.replace(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
