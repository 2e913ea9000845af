import { expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { brokenInvariants } from "../../db/invariants.ts";
import { descendantsOf, signalAll } from "../../process-tree.ts";
import { openCli, until } from "../cli.ts";

test("SIGTERM to all processes of a pool with 100 running jobs uses no attempt", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write(
    "wait.ts",
    `import { appendFileSync, existsSync } from "node:fs";
     export async function wait() {
       appendFileSync("begun", "+");
       while (!existsSync("go")) await Bun.sleep(50);
     }`,
  );
  const line = "printf + >> begun; [ -e go ] || exec sleep 1000";
  const lists = db.sql.json(Array.from({ length: 50 }, () => [line]));
  await db.sql`select pdoflow.post('pdoflow/shell#command', ${lists}, '{"maxAttempts": 1}')`;
  await cli.run("post", "wait.ts#wait", "--each", "1-50", "--max-attempts", "1");
  const pool = cli.start("pool", "--commands", "--max-workers", "100");
  const begun = join(cli.folder, "begun");
  await until(
    "100 jobs to run",
    () => Promise.resolve(existsSync(begun) && statSync(begun).size === 100),
    200_000,
  );
  signalAll([...descendantsOf(pool.pid), pool.pid], "SIGTERM");
  await cli.write("go", "");
  expect(await pool.exited).toBe(0);
  const [row] = await db.sql`select count(*)::int as n from pdoflow.outcome`;
  expect(row).toEqual({ n: 50 }); // functions have finished, commands are released
  expect(await cli.run("pool", "--commands", "--once")).toMatchObject({ code: 0 });
  const outcomes = await db.sql`
    select state::text, attempt, count(*)::int as n from pdoflow.outcome group by 1, 2`;
  expect([...outcomes]).toEqual([{ state: "done", attempt: 1, n: 100 }]);
  expect(await brokenInvariants(db.db)).toEqual([]);
}, 400_000);
