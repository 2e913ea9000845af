import { posix } from "node:path";

import type { Source } from "./source.ts";

/** The files that a file imports, as paths from the root. */
const filesImportedBy = ({ path, text }: Source): string[] =>
  [...text.matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"\n]+)"/g)].map(([, name = ""]) =>
    posix.join(posix.dirname(path), name),
  );

/** Files that nothing imports. `doors` are started by name. */
export function deadFiles(sources: readonly Source[], doors: readonly string[]): string[] {
  const imported = new Set(sources.flatMap(filesImportedBy));
  return sources
    .map(({ path }) => path)
    .filter((path) => /^(src|tui)\//.test(path) && !path.endsWith(".d.ts"))
    .filter((path) => !imported.has(path) && !doors.includes(path))
    .map((path) => `${path} is imported by nothing but tests. Use it, or remove it.`);
}
