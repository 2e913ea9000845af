import { readFile } from "node:fs/promises";
import { dirname, extname } from "node:path";

import { bunResolve } from "./bun-resolve.ts";

export const loaders: Readonly<Record<string, "tsx" | "ts" | "jsx">> = {
  ".ts": "ts",
  ".mts": "ts",
  ".cts": "ts",
  ".tsx": "tsx",
  ".js": "jsx",
  ".mjs": "jsx",
  ".cjs": "jsx",
  ".jsx": "jsx",
};

/** A file and its imports by relative paths, direct and indirect, with their bytes. */
export async function readLocalImports(
  file: string,
  found = new Map<string, Buffer>(),
): Promise<Map<string, Buffer>> {
  if (found.has(file)) return found;
  const bytes = await readFile(file);
  found.set(file, bytes);
  const loader = loaders[extname(file)];
  if (loader === undefined) return found;
  const imports = new Bun.Transpiler({ loader }).scanImports(bytes.toString());
  for (const { path } of imports) {
    if (!path.startsWith(".")) continue;
    await readLocalImports(bunResolve(path, dirname(file)), found);
  }
  return found;
}
