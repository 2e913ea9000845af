import { expect, test } from "bun:test";
import { copyFileSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";

import { binary } from "../../binary.ts";
import { freshDatabase } from "../../database.ts";
import { openCli, until } from "../cli.ts";

test("a pool goes on, and replaces workers, after its binary was deleted or replaced", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  const program = join(cli.folder, "pdoflow");
  copyFileSync(await binary(), program);
  await cli.write(
    "die.ts",
    `import { existsSync } from "node:fs";
     export async function die(i: number) {
       while (!existsSync("go")) await Bun.sleep(5);
       if (i === 0) process.kill(process.pid, "SIGKILL");
       return i;
     }`,
  );
  await cli.runWith({ input: "[[0],[1],[2]]" }, "post", "die.ts#die", "-", "--max-attempts", "1");
  const pool = Bun.spawn([program, "pool", "--once", "--max-workers", "1"], {
    cwd: cli.folder,
    env: { PATH: process.env["PATH"] ?? "", PDOFLOW_DATABASE_URL: db.url },
    stdio: ["ignore", "ignore", "inherit"],
  });
  await until("a claim", async () => {
    const [row] = await db.sql`select count(*)::int as n from pdoflow.lease`;
    return row?.["n"] > 0;
  });
  rmSync(program);
  expect(existsSync(program)).toBe(false);
  await cli.write("go", "");
  expect(await pool.exited).toBe(1);
  const [row] = await db.sql`select done, failed from pdoflow.posting`;
  expect(row).toEqual({ done: 2, failed: 1 });
});
