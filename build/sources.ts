import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "..");

/** The sources of the binary and the package. */
export const sources = [
  "src",
  "tui",
  "sql",
  "deploy/slurm", // printed by `pdoflow launch`
  "deploy/gridengine",
  "build",
  "build.ts",
  "package.json",
  "package-lock.json",
];

/** Whether a file is there and was made after the last change of every source. */
export function isNewerThanSources(file: string): boolean {
  if (!existsSync(file)) return false;
  const madeAtMs = statSync(file).mtimeMs;
  return !sources
    .map((name) => join(root, name))
    .flatMap((path) => [path, ...(isFolder(path) ? filesBelow(path) : [])])
    .some((path) => existsSync(path) && statSync(path).mtimeMs >= madeAtMs);
}

const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory();

/** Folders among them: they change when a file is removed. */
const filesBelow = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name));
