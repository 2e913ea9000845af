import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../in-process.ts";

test("prune deletes postings that ended long ago, except for postings to be kept", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("id.ts", "export const id = (x: number) => x;");
  const post = (...args: string[]) =>
    cli.runWith({ input: "[[1],[2],[3]]" }, "post", "id.ts#id", "-", ...args);
  await post();
  await post("--keep", "30d");
  await cli.run("pool", "--once", "--max-workers", "1");
  await post();
  await db.sql`update pdoflow.posting set ended_at = ended_at - interval '20 days'`;
  const dry = await cli.run("prune", "--older-than", "10d", "--dry-run");
  expect(dry).toEqual({ code: 0, out: "", err: "would delete 1 posting with 3 jobs\n" });
  const { code, err } = await cli.run("prune", "--older-than", "10d", "--state", "finished");
  expect(code).toBe(0);
  expect(err).toMatch(/^deleted 1 posting with 3 jobs; the tables are \S+ [kM]?B smaller\n$/);
  expect(await cli.run("status", "1")).toMatchObject({ code: 4 });
  expect(await cli.run("status", "2")).toMatchObject({ code: 0 });
  const left = await db.sql`
    select posting_id as id, sum(end_seq - first_seq)::int as jobs from pdoflow.job group by 1 order by 1`;
  expect([...left]).toEqual([
    { id: 2, jobs: 3 },
    { id: 3, jobs: 3 },
  ]);
});

test.each([
  [[], "--older-than, a duration such as 30d"],
  [["--older-than", "soon"], "expected a duration"],
  [["--older-than", "1d", "--state", "open"], "expected finished, cancelled, or both"],
])("prune %p is refused with the expected form", async (args, says) => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const { code, err } = await cli.run("prune", ...args);
  expect(code).toBe(2);
  expect(err).toContain(says);
});
