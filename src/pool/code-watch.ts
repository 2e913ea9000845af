import { readFile, stat } from "node:fs/promises";
import { dirname, extname } from "node:path";

import { isFileModule, parseEntryPoint } from "../domain/entry-point.ts";
import { bunResolve } from "./bun-resolve.ts";
import { resolveEntryFile } from "./entry-file.ts";
import type { HeldJob } from "./held-job.ts";

const loaders: Readonly<Record<string, "tsx" | "ts" | "jsx">> = {
  ".ts": "ts",
  ".mts": "ts",
  ".cts": "ts",
  ".tsx": "tsx",
  ".js": "jsx",
  ".mjs": "jsx",
  ".cjs": "jsx",
  ".jsx": "jsx",
};

/** Notices between two postings that the code of an entry point has changed on disk. */
export class CodeWatch {
  readonly #root: string;
  /** By entry point: its files and when each was changed, as they were when it was first run. */
  readonly #signatures = new Map<string, string>();
  #newestPosting = 0;

  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Whether these jobs begin a posting whose code is another than that which workers have imported:
   * its file, or one that it imports, with a relative path, at whatever remove.
   */
  async hasChanged(jobs: readonly HeldJob[]): Promise<boolean> {
    const postings = new Map(jobs.map(({ posting }) => [posting.id, posting.entryPoint]));
    let hasChanged = false;
    for (const [id, entryPoint] of postings) {
      if (id <= this.#newestPosting) continue;
      this.#newestPosting = id;
      const now = await this.#signature(entryPoint);
      const before = this.#signatures.get(entryPoint);
      this.#signatures.set(entryPoint, now);
      hasChanged ||= before !== undefined && before !== now;
    }
    return hasChanged;
  }

  async #signature(entryPoint: string): Promise<string> {
    const parsed = parseEntryPoint(entryPoint);
    if (!isFileModule(parsed.module)) return "a package";
    try {
      const files = await localImports(await resolveEntryFile(this.#root, parsed, bunResolve));
      return JSON.stringify([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
    } catch {
      return "not to be read"; // the jobs will say why
    }
  }
}

/** A file and the files that it imports by relative paths, with the time of their last change. */
async function localImports(
  file: string,
  found = new Map<string, number>(),
): Promise<Map<string, number>> {
  if (found.has(file)) return found;
  found.set(file, (await stat(file)).mtimeMs);
  const loader = loaders[extname(file)];
  if (loader === undefined) return found;
  const imports = new Bun.Transpiler({ loader }).scanImports(await readFile(file, "utf8"));
  for (const { path } of imports) {
    if (path.startsWith(".")) await localImports(Bun.resolveSync(path, dirname(file)), found);
  }
  return found;
}
