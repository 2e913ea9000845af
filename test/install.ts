// `bun test/install.ts` puts the packages of package-lock.json into node_modules, unless they are
// there. Any number of processes may run it at once. It serves `bun test` on a fresh clone.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import packageJson from "../package.json" with { type: "json" };

const root = join(import.meta.dir, "..");
/** Exists during an installation, and after one that did not finish. */
const unfinished = join(root, "dist/.install");

/** Whether the packages of package.json are in node_modules, all of each. */
export const isInstalled = (): boolean => !existsSync(unfinished) && hasPackages();

function hasPackages(): boolean {
  const wanted = { ...packageJson.dependencies, ...packageJson.devDependencies };
  return Object.entries(wanted).every(([name, version]) => {
    const file = join(root, "node_modules", name, "package.json");
    return existsSync(file) && JSON.parse(readFileSync(file, "utf8")).version === version;
  });
}

function install(): void {
  const run = (...command: string[]) =>
    Bun.spawnSync(command, { cwd: root, stdio: ["ignore", "inherit", "inherit"] }).success;
  console.error("Installing the packages of package-lock.json (npm ci) …");
  if (Bun.which("npm") && run("npm", "ci", "--no-audit", "--no-fund")) return;
  if (run(process.execPath, "install", "--no-save")) return;
  throw new Error(
    `The packages of package-lock.json should be in ${root}/node_modules, and neither npm ci nor ` +
      `bun install could put them there: see above. Run one of them by hand, then the tests.`,
  );
}

if (import.meta.main) {
  const { alone } = await import("../src/server/lock.ts");
  mkdirSync(join(root, "dist"), { recursive: true });
  await alone(join(root, "dist/.install.lock"), async () => {
    if (isInstalled()) return; // by the process before us
    await Bun.write(unfinished, "");
    install();
    rmSync(unfinished);
  });
}
