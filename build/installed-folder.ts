import { dirname, join } from "node:path";

import { compile } from "./binary.ts";
import { thirdPartyText } from "./licenses.ts";
import { type BuildTarget, targets } from "./targets.ts";

/**
 * Compiles the binary for `target` into `outfile`, and writes licences, manual page and completions
 * beside it. Returns the files that are in the binary.
 */
export async function makeInstalled(target: BuildTarget, outfile: string): Promise<string[]> {
  const bundled = await compile(target, outfile);
  const { installedPages } = await import("./command-pages.ts"); // it loads every command
  const pages = await installedPages();
  pages.set("THIRD_PARTY", thirdPartyText(bundled, { server: targets[target].postgres !== null }));
  for (const [path, text] of pages) await Bun.write(join(dirname(outfile), path), text);
  return bundled;
}
