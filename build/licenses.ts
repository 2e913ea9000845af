import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import serverLicenses from "./licenses/server.txt" with { type: "text" };
import programLicenses from "./licenses/program.txt" with { type: "text" };

const modules = join(import.meta.dir, "../node_modules");

/**
 * The licences of everything in a build that others made: of the npm packages that `bundled`, the
 * paths of the bundled files, are from; in a binary, also of Bun, and of the embedded server if it
 * is inside.
 */
export function thirdPartyText(
  bundled: readonly string[],
  binary: { server: boolean } | null = null,
): string {
  const parts = [
    "This build of pdoflow contains the following software of others.\n",
    ...packagesOf(bundled).map(packageLicense),
    ...(binary ? [programLicenses] : []),
    ...(binary?.server ? [serverLicenses] : []),
  ];
  return parts.join(`\n${"-".repeat(80)}\n\n`);
}

/** The npm packages that these files are from, sorted. */
export const packagesOf = (files: readonly string[]): string[] => {
  const names = files.map((file) => /node_modules\/((?:@[^/]+\/)?[^/.][^/]*)\//.exec(file)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].toSorted();
};

function packageLicense(name: string): string {
  const folder = join(modules, name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    version: string;
    license?: string;
  };
  const files = readdirSync(folder).filter((file) => /^(un)?licen[cs]e/i.test(file));
  const texts = files.map((file) => readFileSync(join(folder, file), "utf8").trim());
  return `${[`${name} ${version} (${license ?? "no licence named"})`, ...texts].join("\n\n")}\n`;
}
