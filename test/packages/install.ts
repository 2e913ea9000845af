// Installs the packages that the tests of this folder use. `npm test` does so beside its checks,
// because that takes long; otherwise the first of these tests does.
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";

import { alone } from "../../src/server/lock.ts";

const root = join(import.meta.dir, "../..");
const packages = join(import.meta.dir, "node_modules");

if (import.meta.main) await installPackages();

/** What only one process may do at a time. */
export async function inTurn<T>(work: () => T | Promise<T>): Promise<T> {
  mkdirSync(join(root, "dist"), { recursive: true });
  return await alone(join(root, "dist/.packages.lock"), async () => await work());
}

/** The folder of the packages, where they are all installed. */
export function installPackages(): Promise<string> {
  return inTurn(install);
}

function install(): string {
  const lock = join(packages, ".package-lock.json");
  const wanted = join(import.meta.dir, "package-lock.json");
  if (existsSync(lock) && statSync(lock).mtimeMs > statSync(wanted).mtimeMs) return packages;
  const command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
  const child = Bun.spawnSync(command, { cwd: import.meta.dir });
  if (child.success) return packages;
  throw new Error(`npm ci should have worked in ${import.meta.dir}: ${child.stderr.toString()}`);
}
