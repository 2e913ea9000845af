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

test("a pool that waits long for a silent server ends as soon as one that does not", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  using cli = await openCommands({ ...db, url: proxy.url });
  const pool = cli.start("pool", "--max-workers", "1", "--heartbeat-timeout", "3s");
  await until("the pool to wait for jobs", async () => {
    return (await db.sql`select from pdoflow.pool where listens`).length > 0;
  });
  proxy.freeze();
  // A second, two, four: the next wait is one of eight.
  let log = "";
  for await (const bytes of pool.stderr) {
    log += Buffer.from(bytes).toString();
    if (log.includes("did not answer within 4000 ms")) break;
  }
  const askedAt = performance.now();
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
  expect(performance.now() - askedAt).toBeLessThan(7_500); // its last statement has three seconds
}, 60_000);
