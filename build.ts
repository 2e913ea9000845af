// Builds the binary, or the npm package of the library. See `usage` below; the parts are in build/.
import { existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

import { buildText, isUpToDate } from "./build/binary.ts";
import { BuildFailed } from "./build/build-failed.ts";
import { parseOptions, requireBun } from "./build/command-line.ts";
import { makeInstalled } from "./build/installed-folder.ts";
import { machine, parseTarget } from "./build/targets.ts";

const usage = `bun build.ts [--target TARGET] [--outfile FILE] [--if-changed]
bun build.ts --package
  --target      one of linux-x64, linux-arm64, linux-x64-musl, linux-arm64-musl, darwin-arm64,
                darwin-x64 (default: this machine)
  --outfile     the binary (default: dist/pdoflow, or dist/pdoflow-TARGET for another machine);
                licences, manual page and completions are written to the same folder
  --if-changed  do nothing if FILE was built from the current sources
  --package     make the npm package instead: dist/npm, and its tarball in dist`;

const options = {
  target: { type: "string" },
  outfile: { type: "string" },
  "if-changed": { type: "boolean", default: false },
  package: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

async function main(): Promise<void> {
  const values = parseOptions(options, usage);
  if (values.help) return console.log(usage);
  requireBun("npm run build");
  if (values.package) return await makePackage();
  const target = values.target === undefined ? machine() : parseTarget(values.target);
  const suffix = target === machine() ? "" : `-${target}`;
  const outfile = resolve(values.outfile ?? join(import.meta.dir, `dist/pdoflow${suffix}`));
  const folder = dirname(outfile);
  const hasPages = existsSync(join(folder, "THIRD_PARTY"));
  if (values["if-changed"] && hasPages && isUpToDate(outfile)) return;
  await makeInstalled(target, outfile);
  console.error(`${outfile}: pdoflow ${buildText()} for ${target}`);
}

async function makePackage(): Promise<void> {
  const { buildPackage } = await import("./build/package.ts");
  const tarball = await buildPackage();
  console.error(`${tarball}: ${(statSync(tarball).size / 1000).toFixed(0)} kB`);
}

try {
  await main();
} catch (error) {
  // Bun.build throws all its complaints in one AggregateError.
  for (const fault of error instanceof AggregateError ? error.errors : [error]) {
    console.error(fault instanceof BuildFailed ? `build: ${fault.message}` : fault);
  }
  process.exitCode = 1;
}
