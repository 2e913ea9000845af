// Installs the packages that the tests of this folder use, or those of another folder of tests.
// `npm test` does so beside its checks, because that takes long; otherwise the first of these tests
// does.
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";

import { alone } from "../../src/server/lock.ts";

const root = join(import.meta.dir, "../..");

if (import.meta.main) await installPackages();

/** What only one process may do at a time. */
export async function inTurn<T>(work: () => T | Promise<T>): Promise<T> {
  mkdirSync(join(root, "dist"), { recursive: true });
  return await alone(join(root, "dist/.packages.lock"), async () => await work());
}

/** The folder of the packages, where they are all installed. */
export function installPackages(folder: string = import.meta.dir): Promise<string> {
  return inTurn(() => install(folder));
}

function install(folder: string): string {
  const packages = join(folder, "node_modules");
  const lock = join(packages, ".package-lock.json");
  const wanted = join(folder, "package-lock.json");
  if (existsSync(lock) && statSync(lock).mtimeMs > statSync(wanted).mtimeMs) return packages;
  const command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
  const child = Bun.spawnSync(command, { cwd: folder });
  if (child.success) return packages;
  throw new Error(`npm ci should have worked in ${folder}: ${child.stderr.toString()}`);
}
