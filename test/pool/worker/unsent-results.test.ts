import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { until } from "../../binary/cli.ts";
import { openCommands } from "../../cli/in-process.ts";

test("results of short jobs are recorded while a long job of the same chunk runs", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "mixed.ts",
    `import { existsSync } from "node:fs";
     export async function mixed(i: number) {
       while (i === 500 && !existsSync("go")) await Bun.sleep(20);
       return i;
     }`,
  );
  await cli.run("post", "mixed.ts#mixed", "--each", "0-999");
  const pool = cli.start("pool", "--once", "--max-workers", "1");
  await until("all jobs before it to be recorded", async () => {
    const [row] = await db.sql`select count(*)::int as n from pdoflow.outcome`;
    return row?.["n"] === 500;
  });
  await cli.write("go", "");
  expect(await pool.exited).toBe(0);
});
