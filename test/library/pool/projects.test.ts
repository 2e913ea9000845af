import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ClusterPool, postWork } from "../../../src/index.ts";
import { freshDatabase } from "../../database.ts";

/** A folder with an f.ts and a package.json of this name. */
function writeProject(folder: string, name: string): string {
  const root = join(folder, name);
  mkdirSync(root);
  writeFileSync(join(root, "package.json"), JSON.stringify({ name }));
  writeFileSync(join(root, "f.ts"), `export const f = (n: number) => "${name}" + n;`);
  return root;
}

test("postings and pools of a program belong to the project of their root, or to the one they name", async () => {
  await using database = await freshDatabase();
  const folder = mkdtempSync(join(tmpdir(), "pdoflow-projects-"));
  const [sim, report] = [writeProject(folder, "sim"), writeProject(folder, "report")];
  const db = database.url;
  const post = (options: { root: string; project?: string }) =>
    postWork("f.ts#f", [[1]], [], { db, ...options });
  try {
    const own = await post({ root: sim });
    const named = await post({ root: sim, project: "report" });
    const any = await post({ root: sim, project: "*" });
    const elsewhere = await post({ root: folder }); // which has no f.ts
    writeFileSync(join(sim, "package.json"), JSON.stringify({ name: "renamed" }));
    await post({ root: sim });
    const rows = await database.sql`select project from pdoflow.postings order by id`;
    expect(rows.map(({ project }) => project)).toEqual(["sim", "report", null, null, "renamed"]);

    await using pool = new ClusterPool({ concurrency: 2, root: report, db });
    for (const posting of [named, any, elsewhere]) {
      await pool.awaitCompletion(posting);
      expect(await Array.fromAsync(posting.results())).toMatchObject([{ result: "report1" }]);
    }
    expect((await own.status()).waiting).toBe(1);
    const ofAll = new ClusterPool({ concurrency: 2, root: report, db, project: "sim" });
    await ofAll.awaitCompletion(own);
    await ofAll.stop();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
