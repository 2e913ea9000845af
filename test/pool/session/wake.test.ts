import { expect, test } from "bun:test";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { until } from "../../binary/cli.ts";
import { openCommands } from "../../cli/in-process.ts";

const listening = (db: TestDatabase, wanted: boolean) =>
  until(`the pool to ${wanted ? "wait" : "be busy"}`, async () => {
    const [row] = await db.sql`select listens from pdoflow.pool`;
    return row?.["listens"] === wanted;
  });

test("O5: a pool says that it waits, not while it has enough to do, and again after that", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("s.ts", "export const sleep = (ms: number) => Bun.sleep(ms);");
  const pool = cli.start("pool", "--max-workers", "1", "--heartbeat-timeout", "2s");
  await listening(db, true);
  const input = JSON.stringify(Array.from({ length: 100 }, () => [200]));
  await cli.runWith({ input }, "post", "s.ts#sleep", "-");
  await listening(db, false);
  await cli.run("cancel", "1");
  await listening(db, true);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
});
