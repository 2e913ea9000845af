// The linter's settings find what they are for: layers, packages and what only some files may do.
import { afterAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "pdoflow-lint-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Files, each with a line that is an error in it, and the rule that says so. */
const faults: readonly (readonly [path: string, line: string, rule: string])[] = [
  ["src/domain/a.ts", 'import "../db/connect.ts";', "no-restricted-imports"],
  ["src/domain/d.ts", 'import "../job/values.ts";', "no-restricted-imports"],
  ["src/job/a.ts", 'import "../db/read/jobs.ts";', "no-restricted-imports"],
  ["src/db/connection/a.ts", 'import "../read/jobs.ts";', "no-restricted-imports"],
  ["src/db/engine/a.ts", 'import "../posting/insert.ts";', "no-restricted-imports"],
  ["src/cli/output/a.ts", 'import "../shell/command.ts";', "no-restricted-imports"],
  ["src/cli/shell/a.ts", 'import "../commands/post.ts";', "no-restricted-imports"],
  ["tui/draw/a.ts", 'import "../state/model.ts";', "no-restricted-imports"],
  ["src/domain/b.ts", 'import "node:fs";', "no-restricted-imports"],
  ["src/domain/c.ts", "export const at = Date.now();", "no-restricted-properties"],
  ["src/db/a.ts", 'import "../pool/pool.ts";', "no-restricted-imports"],
  ["src/db/read/b.ts", 'import "../../pool/run/pool.ts";', "no-restricted-imports"],
  ["src/pool/a.ts", 'export type { A } from "../server/server.ts";', "no-restricted-imports"],
  ["src/pool/b.ts", 'export const a = await import("../cli/post.ts");', "no-restricted-imports"],
  ["src/pool/c.ts", 'import "postgres";', "no-restricted-imports"],
  ["src/server/a.ts", 'import "../../tui/state/model.ts";', "no-restricted-imports"],
  ["src/report/a.ts", 'import "../pool/pool.ts";', "no-restricted-imports"],
  ["src/db/b.ts", 'import "../report/figures.ts";', "no-restricted-imports"],
  ["src/library/a.ts", 'import "../server/server.ts";', "no-restricted-imports"],
  ["src/library/b.ts", 'import "bun";', "no-restricted-imports"],
  ["src/library/c.ts", "await Bun.sleep(1);", "no-restricted-globals"],
  ["src/cli/a.ts", 'import "../main.ts";', "no-restricted-imports"],
  ["src/cli/b.ts", 'import "left-pad";', "no-restricted-imports"],
  ["src/cli/c.ts", "console.log(1);", "no-console"],
  ["src/index.ts", 'import "./cli/post.ts";', "no-restricted-imports"],
  ["tui/a.ts", 'import "blessed/lib/widgets/box";', "no-restricted-imports"],
  ["tui/b.ts", "process.exit(1);", "no-process-exit"],
  ["tui/c.ts", "export const { HOME } = process.env;", "no-process-env"],
  ["src/pool/d.ts", "export default 1;", "no-default-export"],
  ["src/pool/e.ts", 'import "./f.ts";', "no-cycle"],
  ["src/pool/f.ts", 'import "./e.ts";', "no-cycle"],
  ["src/pool/g.ts", "export const a = 1; // TODO: the other half", "no-warning-comments"],
  ["test/a.test.ts", 'test.only("a", () => {});', "no-restricted-properties"],
];

/** Files with a line that looks like an error and is none. */
const allowed: readonly (readonly [path: string, line: string])[] = [
  ["src/main.ts", "process.exit(process.argv.length);"],
  ["src/library/z.ts", 'export { a } from "../pool/z.ts"; void process.env;'],
  ["src/library/pool/z.ts", 'export { a } from "../wait/z.ts"; import "node:fs/promises";'],
  ["src/db/engine/z.ts", 'import "../connection/connect.ts"; import "../../domain/parse.ts";'],
  ["src/cli/input/z.ts", 'import "../shell/command.ts"; import "../../input/csv.ts";'],
  ["src/report/z.ts", 'import "../db/read/figures/attempts.ts"; import "node:crypto";'],
  ["src/db/z.ts", 'import "postgres"; import "node:fs"; import "../domain/parse.ts";'],
  [
    "src/cli/z.ts",
    'import "clipanion"; import "../../tui/state/model.ts"; import "../input/csv.ts";',
  ],
  ["tui/screen.ts", 'import "blessed/lib/widgets/box";'],
  ["test/z.test.ts", 'console.log(process.env, Date.now()); test.skipIf(true)("a", () => {});'],
];

test("each fault is found by its rule, and allowed code is not", async () => {
  cpSync(join(root, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
  for (const [path, line] of [...faults, ...allowed]) {
    await Bun.write(join(folder, path), `${line}\n`);
  }
  const oxlint = join(root, "node_modules/.bin/oxlint");
  const { stdout } = Bun.spawnSync([oxlint, "--format=json"], { cwd: folder });
  const { diagnostics } = JSON.parse(stdout.toString()) as {
    diagnostics: { filename: string; code: string }[];
  };
  const found = diagnostics.map(({ filename, code }) => `${filename} ${code.split(/[()]/)[1]}`);
  expect(found.sort()).toEqual(faults.map(([path, , rule]) => `${path} ${rule}`).sort());
});
