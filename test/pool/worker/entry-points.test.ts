import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { type Commands, openCommands } from "../../cli/in-process.ts";

/**
 * Posts one job from the project's folder, runs it by a pool started from another, reads it back.
 */
async function runOne(
  cli: Commands,
  db: Awaited<ReturnType<typeof freshDatabase>>,
  entryPoint: string,
  args: unknown,
): Promise<unknown> {
  const root = join(cli.folder, "project");
  const posted = await cli.runWith(
    { input: JSON.stringify([args]), cwd: root },
    ...["post", entryPoint, "-", "--max-attempts", "1"],
  );
  expect(posted).toMatchObject({ code: 0, err: "" });
  await cli.runWith({ cwd: "/" }, "pool", "--once", "--max-workers", "1", "--root", root);
  const [row] = await db.sql`
    select result, error from pdoflow.outcome where posting_id = ${posted.out.trim()}`;
  return row?.["error"] ?? row?.["result"];
}

async function project(cli: Commands, files: Record<string, string>): Promise<void> {
  mkdirSync(join(cli.folder, "project"));
  for (const [name, text] of Object.entries(files)) await cli.write(`project/${name}`, text);
}

test("positional arguments are spread, an object is the one argument", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await project(cli, {
    "deep/er/fn.ts": `
      export const list = (...args: unknown[]) => args;
      export async function object(options: { a: number; b: number }) { return options.a + options.b; }
      export default function (x: string) { return "default " + x; }`,
  });
  expect(await runOne(cli, db, "deep/er/fn.ts#list", [1, "a.txt", [2], { k: 3 }])).toEqual([
    1,
    "a.txt",
    [2],
    { k: 3 },
  ]);
  expect(await runOne(cli, db, "deep/er/fn.ts#object", { a: 1, b: 2 })).toBe(3);
  expect(await runOne(cli, db, "deep/er/fn.ts#default", ["x"])).toBe("default x");
});

test("what a job prints does not get into the pool's stdout", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("fn.ts", `export const talk = () => { console.log("chatter"); };`);
  await cli.runWith({ input: "[[]]" }, "post", "fn.ts#talk", "-");
  const { out } = await cli.run("pool", "--once", "--max-workers", "1");
  expect(out).toBe("");
});
