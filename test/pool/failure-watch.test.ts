import { expect, test } from "bun:test";

import { freshDatabase } from "../database.ts";
import { openProxy } from "../proxy.ts";
import { said, until } from "../binary/cli.ts";
import { openCommands } from "../cli/in-process.ts";

test("a posting that could not be stopped for want of an answer is stopped by the next failure", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  using direct = await openCommands(db);
  using cli = await openCommands({ ...db, url: proxy.url });
  await cli.write(
    "fail.ts",
    `export async function fail() {
       await Bun.sleep(50);
       throw new Error("no good");
     }`,
  );
  const input = JSON.stringify(Array.from({ length: 200 }, (_, i) => [i]));
  const options = ["--root", cli.folder, "--max-attempts", "1", "--stop-after", "5"];
  await direct.runWith({ input }, "post", "fail.ts#fail", "-", ...options);
  proxy.freezeAt("pool_stop_posting(");
  const pool = cli.start("pool", "--max-workers", "1", "--heartbeat-timeout", "6s");
  await said(pool, "did not answer");
  proxy.thaw();
  proxy.cut(); // else the connection that records finds out after a minute
  const row = await until("the posting to stop", async () => {
    const [row] = await db.sql`select state, reason, ended_at from pdoflow.posting`;
    return row?.["state"] !== "open" && row;
  });
  expect(row).toMatchObject({ state: "errored_out", endedAt: null });
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
});
