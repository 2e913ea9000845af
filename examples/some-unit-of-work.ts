import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * The example of the original, Python PDOFlow, under its own name: writes `a * b` with six digits
 * into the file `path`, and returns what it wrote. A relative path starts at the pool's root.
 */
export function some_unit_of_work(a: number, b: number, path: string): string {
  const result = (a * b).toFixed(6);
  mkdirSync(dirname(path), { recursive: true });
  // A job may run twice, where its pool is killed before the outcome is recorded. Renaming makes
  // the second time harmless, and leaves no half a file.
  const draft = `${path}.${process.pid}.draft`;
  writeFileSync(draft, result);
  renameSync(draft, path);
  return result;
}
