// Runs before each test file (bunfig.toml). On a fresh clone nothing is installed yet, so this
// file imports from node: and from files of ours that do the same.
import { setDefaultTimeout } from "bun:test";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";

import { alone } from "../src/server/lock.ts";
import { isDevelopersOwn } from "./environment.ts";

const root = join(import.meta.dir, "..");

// The first test of a run waits until the server has started or the binary is built.
setDefaultTimeout(60_000);

// No test may touch the developer's own databases. What a test starts without `env` inherits the
// environment as it was: Bun.spawn does not see these changes.
for (const name of Object.keys(process.env)) {
  if (isDevelopersOwn(name)) delete process.env[name];
}

if (!isInstalled()) {
  mkdirSync(join(root, "dist"), { recursive: true });
  await alone(join(root, "dist/.install.lock"), install);
}

/** Whether all of package-lock.json is in node_modules: the same rule as `npm run setup`. */
function isInstalled(): boolean {
  const changedAtMs = (file: string) =>
    statSync(join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const installedAtMs = Math.max(
    changedAtMs("node_modules/.package-lock.json"), // npm's
    changedAtMs("node_modules/.bun-install"), // ours, below
  );
  return installedAtMs > changedAtMs("package-lock.json");
}

async function install(): Promise<void> {
  if (isInstalled()) return; // by the worker process before us
  const run = (...command: string[]) =>
    Bun.spawnSync(command, { cwd: root, stdio: ["ignore", "inherit", "inherit"] }).success;
  console.error("Installing the packages of package-lock.json (npm ci) …");
  if (Bun.which("npm") && run("npm", "ci", "--no-audit", "--no-fund")) return;
  if (run(process.execPath, "install", "--no-save")) {
    await Bun.write(join(root, "node_modules/.bun-install"), "");
    return;
  }
  throw new Error(
    `The packages of package-lock.json should be in ${root}/node_modules, and neither npm ci nor ` +
      `bun install could put them there: see above. Run one of them by hand, then the tests.`,
  );
}
