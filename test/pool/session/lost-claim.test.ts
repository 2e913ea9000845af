// A claim whose connection was lost while the server was still at it.
import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openProxy } from "../../proxy.ts";
import { openCommands } from "../../cli/in-process.ts";
import { until } from "../../binary/cli.ts";
import { commit, openTransaction, untilBlocked } from "../../db/locks.ts";

test("the jobs of a claim that ends after its connection was lost run, too", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  using cli = await openCommands({ ...db, url: proxy.url });
  await cli.write("noop.ts", "export function noop(_i: number) {}");
  const posted = await cli.runWith({ input: "[1]\n[2]\n" }, "post", "noop.ts#noop", "-");
  expect(posted).toMatchObject({ code: 0 });
  await using holder = await openTransaction(db.db);
  await holder.sql`select from pdoflow.lane for update`;
  const pool = cli.start("pool", "--max-workers", "1");
  await untilBlocked(db.db, 1);
  proxy.cut(); // the server does not notice, and goes on to wait
  await untilBlocked(db.db, 2);
  await commit(holder);
  await until("both jobs to be done", async () => {
    const [row] = await db.sql`select done from pdoflow.posting`;
    return row?.["done"] === 2;
  });
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
}, 60_000);
