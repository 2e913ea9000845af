import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

import packageJson from "../package.json" with { type: "json" };
import { packageFolder } from "./package-folder.ts";
import { serverArchive } from "./server-archive.ts";
import { isNewerThanSources, sources } from "./sources.ts";
import { machine, type BuildTarget, targets } from "./targets.ts";

const root = join(import.meta.dir, "..");

/**
 * Compiles `entrypoint` for `target` into `outfile`, which appears whole or not at all. Returns the
 * files that are in it.
 */
export async function compile(
  target: BuildTarget,
  outfile: string,
  entrypoint = join(root, "src/main.ts"),
): Promise<string[]> {
  const startedAt = new Date();
  const { bun, postgres } = targets[target];
  const packed = postgres && (await serverArchive(postgres));
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
        // … and with these, files in the folder where a user calls us would be run.
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

/** Replaces the null in src/server/packed.ts with the packed server. */
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
export function buildText(): string {
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
export const isUpToDate = (outfile: string): boolean =>
  isNewerThanSources(outfile) && readFileSync(outfile).includes(buildText());
