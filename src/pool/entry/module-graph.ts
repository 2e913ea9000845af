import { readFile, stat } from "node:fs/promises";
import { dirname, extname, isAbsolute } from "node:path";

import { bunResolve } from "./bun-resolve.ts";
import { loaders } from "./local-imports.ts";

/** The files of a module and of its imports at one moment. */
export interface ModuleGraph {
  /** By path: a stamp that changes with the file. */
  stamps: Map<string, string>;
  /** Imports that cannot be resolved, each with the folder of the importing file. */
  missing: { path: string; folder: string }[];
}

/** In larger programs the rest is not watched. */
const filesMax = 5_000;
/** Installed packages are not edited: a change of one requires a new pool. */
const installed = /[\\/]node_modules[\\/]/;
const ofRuntime = /^(node:|bun:|bun$|pdoflow(\/|$))/;

/**
 * Reads the graph of a file: its direct and indirect imports and requires, also by a path of
 * tsconfig.json or of a workspace, but not installed packages.
 */
export async function readModuleGraph(file: string): Promise<ModuleGraph> {
  const graph: ModuleGraph = { stamps: new Map(), missing: [] };
  const left = [file];
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    if (graph.stamps.has(path) || graph.stamps.size >= filesMax) continue;
    // Before it is read: a change between the two is found the next time.
    graph.stamps.set(path, await stampOf(path));
    const folder = dirname(path);
    for (const name of await importsOf(path)) {
      if (ofRuntime.test(name)) continue;
      const found = resolved(name, folder);
      if (found === null) graph.missing.push({ path: name, folder });
      else if (isAbsolute(found) && !installed.test(found)) left.push(found);
    }
  }
  return graph;
}

/** Whether any of these files has changed. */
export async function haveChanged(stamps: ReadonlyMap<string, string>): Promise<boolean> {
  const now = await Promise.all([...stamps.keys()].map(stampOf));
  return [...stamps.values()].some((stamp, i) => stamp !== now[i]);
}

/** Whether one of these imports can be resolved by now. */
export const anyIsThere = (missing: ModuleGraph["missing"]): boolean =>
  missing.some(({ path, folder }) => resolved(path, folder) !== null);

async function stampOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch {
    return "gone";
  }
}

async function importsOf(path: string): Promise<string[]> {
  const loader = loaders[extname(path)];
  if (loader === undefined) return [];
  try {
    const text = await readFile(path, "utf8");
    return new Bun.Transpiler({ loader }).scanImports(text).map((each) => each.path);
  } catch {
    return []; // it cannot be read or parsed: the jobs report that
  }
}

function resolved(name: string, folder: string): string | null {
  try {
    return bunResolve(name, folder);
  } catch {
    return null;
  }
}
