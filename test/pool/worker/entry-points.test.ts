import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../../cli/in-process.ts";
import { runOne, project } from "./project.ts";

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

test("output of jobs does not reach the pool's stdout", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("fn.ts", `export const talk = () => { console.log("chatter"); };`);
  await cli.runWith({ input: "[[]]" }, "post", "fn.ts#talk", "-");
  const { out } = await cli.run("pool", "--once", "--max-workers", "1");
  expect(out).toBe("");
});
