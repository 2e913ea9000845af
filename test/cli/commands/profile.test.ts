import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../in-process.ts";

const code = `
function burn(ms: number) { const end = performance.now() + ms; let x = 0; while (performance.now() < end) x += Math.sqrt(x + 1); return x; }
function fit(ms: number) { const x = burn(ms); return x + 1; } // a call in the end has no frame
export function hot(ms: number) { const x = fit(ms); return x + 1; }
`;

test("shares and postings that are none are refused; a posting that is pruned takes its profile along", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  for (const share of ["10", "101%", "half"]) {
    expect(await cli.run("pool", "--once", `--profile=${share}`)).toMatchObject({ code: 2 });
  }
  expect(await cli.run("profile", "7")).toMatchObject({ code: 4 });
  await cli.write("hot.ts", code);
  await cli.runWith({ input: "[[30]]" }, "post", "hot.ts#hot", "-", "--no-check");
  await cli.run("pool", "--once", "--max-workers", "1", "--profile=100%");
  expect(await cli.run("profile", "1", "--to", "gone")).toMatchObject({ code: 0 });
  expect(existsSync(join(cli.folder, "gone", "profile-1.svg"))).toBe(true);
  await cli.run("prune", "--older-than", "0s", "--yes");
  expect([...(await db.sql`select posting_id from pdoflow.profile`)]).toEqual([]);
});
