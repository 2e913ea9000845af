import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A folder of its own that holds `files`, by path and content; removed when it is disposed of. */
export function makeTree(files: Record<string, string | Uint8Array>) {
  const folder = mkdtempSync(join(tmpdir(), "pdoflow-tree-"));
  const at = (path: string) => join(folder, path);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), content);
  }
  const remove = () => rmSync(folder, { recursive: true, force: true });
  return { folder, at, [Symbol.dispose]: remove };
}
