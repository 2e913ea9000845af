import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

import { BuildFailed } from "./build-failed.ts";

const modules = join(import.meta.dir, "../node_modules");

/** Results that builds create once and use again. */
export const cache = join(modules, ".cache/pdoflow");

/** The folder of an npm package: the installed one, or else one fetched into our cache. */
export async function packageFolder(name: string, version: string): Promise<string> {
  const installed = join(modules, name);
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
      const reason = npm.stderr.toString().trim() || `exit code ${npm.exitCode}`;
      throw new BuildFailed(`npm could not fetch ${name}@${version}: ${reason}`);
    }
    const archive = join(draft, npm.stdout.toString().trim());
    await new Bun.Archive(await Bun.file(archive).bytes()).extract(draft);
    // Another build may have been faster: then its folder is as good.
    if (!existsSync(folder)) renameSync(join(draft, "package"), folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
