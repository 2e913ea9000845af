// Runs before each test file (bunfig.toml). On a fresh clone nothing is installed yet, so it
// imports nothing from outside of this folder: Bun remembers of each folder that it has seen
// whether it has a node_modules above it.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { isDevelopersOwn } from "./environment.ts";
import { isInstalled } from "./install.ts";

const root = join(import.meta.dir, "..");

if (!isInstalled()) {
  const { success } = Bun.spawnSync([process.execPath, join(import.meta.dir, "install.ts")], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (!success) throw new Error("The packages of package-lock.json are missing: see above.");
  // Asked for a package from there, Bun looks at these two folders again.
  for (const folder of [root, import.meta.dir]) Bun.resolveSync("valibot", `${folder}/`);
}

// No test may use the developer's own databases. A process that a test starts without `env`
// inherits the original environment: Bun.spawn does not see these changes.
for (const name of Object.keys(process.env)) {
  if (isDevelopersOwn(name)) delete process.env[name];
}

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
