// Runs before each test file (bunfig.toml). On a fresh clone nothing is installed yet, so this
// file imports from node: and from files of ours that do the same.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import packageJson from "../package.json" with { type: "json" };
import { alone } from "../src/server/lock.ts";
import { isDevelopersOwn } from "./environment.ts";

const root = join(import.meta.dir, "..");

// The first test of a run waits until the server has started or the binary is built, which Bun's
// five seconds are too short for. bunfig.toml can't change them, and setDefaultTimeout does so for
// one file: hence a call in each, on its first line, so that all lines keep their numbers.
Bun.plugin({
  name: "default timeout",
  setup(build) {
    build.onLoad({ filter: /\.test\.ts$/ }, ({ path }) => ({
      loader: "ts",
      contents:
        `import.meta.require("bun:test").setDefaultTimeout(60_000); ` + readFileSync(path, "utf8"),
    }));
  },
});

// No test may touch the developer's own databases. What a test starts without `env` inherits the
// environment as it was: Bun.spawn does not see these changes.
for (const name of Object.keys(process.env)) {
  if (isDevelopersOwn(name)) delete process.env[name];
}

const lock = join(root, "dist/.install.lock"); // there only while somebody installs
if (!isInstalled() || existsSync(lock)) {
  mkdirSync(join(root, "dist"), { recursive: true });
  await alone(lock, install);
  rmSync(lock, { force: true });
  // Bun remembers that there was no node_modules. Asked for a package from here, it looks again.
  Bun.resolveSync("valibot", root);
}

/** Whether the packages of package.json are in node_modules, in their versions. */
function isInstalled(): boolean {
  const wanted = { ...packageJson.dependencies, ...packageJson.devDependencies };
  return Object.entries(wanted).every(([name, version]) => {
    const file = join(root, "node_modules", name, "package.json");
    return existsSync(file) && JSON.parse(readFileSync(file, "utf8")).version === version;
  });
}

async function install(): Promise<void> {
  if (isInstalled()) return; // by the worker process before us
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
