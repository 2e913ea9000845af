// A pool ends soon, although the network swallows its last statements.
import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openProxy } from "../../proxy.ts";
import { openCommands } from "../../cli/in-process.ts";
import { until } from "../../binary/cli.ts";

test("a pool whose last statement is swallowed ends when others may rescue its jobs", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  using cli = await openCommands({ ...db, url: proxy.url });
  proxy.freezeAt("pool_end");
  const pool = cli.start("pool", "--max-workers", "1", "--heartbeat-timeout", "3s");
  await until("the pool to be up", async () => (await db.sql`select from pdoflow.pool`).length > 0);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
}, 40_000); // a statement has a minute
