import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
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

/** @throws {BuildFailed} it differs from the package in package-lock.json. */
export function requireLocked(name: string, version: string, archive: Uint8Array): void {
  const lock = JSON.parse(readFileSync(join(modules, "../package-lock.json"), "utf8")) as {
    packages: Record<string, { version?: string; integrity?: string }>;
  };
  const locked = lock.packages[`node_modules/${name}`];
  const found = `sha512-${new Bun.CryptoHasher("sha512").update(archive).digest("base64")}`;
  if (locked?.version === version && locked.integrity === found) return;
  throw new BuildFailed(
    `${name}@${version}: expected the digest ${locked?.integrity ?? "(none)"} of ` +
      `package-lock.json, found ${found}. Somebody may have changed the package.`,
  );
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
    const archive = await Bun.file(join(draft, npm.stdout.toString().trim())).bytes();
    requireLocked(name, version, archive);
    await new Bun.Archive(archive).extract(draft);
    // Another build may have been faster: then its folder is as good.
    if (!existsSync(folder)) renameSync(join(draft, "package"), folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
