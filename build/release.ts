// Makes the files of a release: see `usage`, and docs/supply-chain.md.
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join, resolve } from "node:path";

import packageJson from "../package.json" with { type: "json" };
import { BuildFailed } from "./build-failed.ts";
import { parseOptions, requireBun } from "./command-line.ts";
import { makeInstalled } from "./installed-folder.ts";
import { buildPackageWithFiles } from "./package.ts";
import { type ReleasedCommit, requireReleasable } from "./release-checks.ts";
import { binaryComponents, type Component, libraryComponents, sbomText } from "./sbom.ts";
import { tar } from "./server-archive.ts";
import { machine, parseTarget, targets, type BuildTarget } from "./targets.ts";

const usage = `npm run release -- [--target TARGET]... [--out FOLDER]
  --target  only the archive for this target, and the npm package; can be repeated
            (default: ${Object.keys(targets).join(", ")})
  --out     the folder of the files, replaced if it exists (default: dist/release)
Writes an archive for each target, the npm package, an SBOM for each of them, and SHA256SUMS. It
refuses a tree with changes, and a version that is not dated in CHANGELOG.md. The exit code is 1 if
a target could not be made.`;

const options = {
  target: { type: "string", multiple: true },
  out: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

const root = join(import.meta.dir, "..");
const { name, version } = packageJson;

/** One file of a release, beside its SBOM. */
interface Artefact {
  file: string;
  bytes: Uint8Array<ArrayBuffer>;
  components: readonly Component[];
}

async function binaryArchive(target: BuildTarget, draft: string): Promise<Artefact> {
  const base = `${name}-${version}-${target}`;
  const folder = join(draft, base);
  const bundled = await makeInstalled(target, join(folder, name));
  if (target === machine()) requireRuns(join(folder, name));
  for (const file of ["LICENSE", "README.md", "CHANGELOG.md"]) {
    cpSync(join(root, file), join(folder, file));
  }
  cpSync(join(root, "deploy"), join(folder, "deploy"), { recursive: true });
  const bytes = Bun.gzipSync(tar(filesIn(draft, base)), { level: 6 });
  rmSync(folder, { recursive: true }); // the next one needs the room
  const components = binaryComponents(target, bundled);
  return { file: `${base}.tar.gz`, bytes, components };
}

/** In an order and with modes that depend on the names alone. */
const filesIn = (folder: string, base: string) =>
  readdirSync(join(folder, base), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
    .map((source) => {
      const path = source.slice(folder.length + 1);
      const executable = path === `${base}/${name}`;
      return { name: path, content: { kind: "file", source, executable } as const };
    });

/** @throws {BuildFailed} the binary for this machine does not start. */
function requireRuns(binary: string): void {
  const { exitCode, stdout, stderr } = Bun.spawnSync([binary, "--version"], { env: {} });
  if (exitCode === 0 && stdout.toString().includes(version)) return;
  throw new BuildFailed(`${binary} --version: ${stdout.toString()}${stderr.toString()}`);
}

async function libraryPackage(): Promise<Artefact> {
  const { tarball, bundled } = await buildPackageWithFiles();
  const bytes = await Bun.file(tarball).bytes();
  return { file: `${name}-${version}.tgz`, bytes, components: libraryComponents(bundled) };
}

/** Writes the artefact and its SBOM to `folder`. */
async function write(
  { file, bytes, components }: Artefact,
  { at }: ReleasedCommit,
  folder: string,
): Promise<void> {
  await Bun.write(join(folder, file), bytes);
  const sbom = `${file.replace(/\.(tar\.gz|tgz)$/, "")}.cdx.json`;
  await Bun.write(join(folder, sbom), sbomText(file, components, at));
  console.error(`${file}: ${(bytes.length / 1e6).toFixed(1)} MB`);
}

const sha256 = (file: string): string =>
  new Bun.CryptoHasher("sha256").update(readFileSync(file)).digest("hex");

/** As `sha256sum` writes it, which `sha256sum -c SHA256SUMS` checks. */
const checksums = (folder: string): string =>
  readdirSync(folder)
    .toSorted()
    .map((file) => `${sha256(join(folder, file))}  ${file}\n`)
    .join("");

/** Makes the files, and returns what could not be made, with the reason. */
async function release(
  wanted: readonly BuildTarget[],
  commit: ReleasedCommit,
  folder: string,
): Promise<string[]> {
  const missing: string[] = [];
  const draft = mkdtempSync(join(root, "dist/.release-"));
  const made = join(draft, "made");
  try {
    await write(await libraryPackage(), commit, made);
    for (const target of wanted) {
      try {
        await write(await binaryArchive(target, draft), commit, made);
      } catch (error) {
        if (!(error instanceof BuildFailed)) throw error;
        missing.push(`${target}: ${error.message}`);
      }
    }
    await Bun.write(join(made, "SHA256SUMS"), checksums(made));
    rmSync(folder, { recursive: true, force: true });
    renameSync(made, folder);
    return missing;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** What nobody should believe of these files. */
function sayLimits(wanted: readonly BuildTarget[], missing: readonly string[]): void {
  for (const each of missing) console.error(`not made: ${each}`);
  const unrun = wanted.filter((target) => target !== machine());
  if (unrun.length > 0) console.error(`built, but not run on this machine: ${unrun.join(", ")}`);
  if (unrun.some((target) => target.startsWith("darwin"))) {
    console.error("not notarized by Apple: darwin-arm64, darwin-x64");
  }
  const without = wanted.filter((target) => targets[target].postgres === null);
  if (without.length > 0) console.error(`without an embedded server: ${without.join(", ")}`);
  console.error("not signed: SHA256SUMS; sign it with your own key, as with: gpg --detach-sign");
  console.error("not published: upload the files, and run npm publish on the .tgz");
}

async function main(): Promise<void> {
  const { help, target, out } = parseOptions(options, usage);
  if (help) return console.log(usage);
  const wanted = (target ?? Object.keys(targets)).map(parseTarget);
  requireBun("npm run release");
  const commit = requireReleasable();
  const folder = resolve(out ?? join(root, "dist/release"));
  mkdirSync(join(root, "dist"), { recursive: true });
  const missing = await release(wanted, commit, folder);
  console.error(`${folder}: ${name} ${version} of commit ${commit.hash}`);
  sayLimits(wanted, missing);
  if (missing.length > 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof BuildFailed ? `release: ${error.message}` : error);
  process.exitCode = 1;
}
