// A pool ends soon, although the network swallows its last statements.
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

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
  // A second, two, four: so are the next waits.
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

test("a pool waits for the database to record outcomes, until a second signal gives them up", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  using cli = await openCommands({ ...db, url: proxy.url });
  const [started, go] = ["started", "go"].map((name) => join(cli.folder, name));
  await cli.write(
    "wait.ts",
    `import { existsSync } from "node:fs";
    export async function wait() {
      await Bun.write(${JSON.stringify(started)}, "");
      while (!existsSync(${JSON.stringify(go)})) await Bun.sleep(20);
    }`,
  );
  const { out } = await cli.run("post", "wait.ts#wait", "--each", "1");
  const pool = cli.start("pool", "--max-workers", "1", "--heartbeat-timeout", "3s");
  await until("the job to run", () => Promise.resolve(existsSync(String(started))));
  proxy.freeze();
  await cli.write("go", "");
  // The first signal when the network is known to be away, the second when it is promised to work.
  const expected = ["did not answer", "outcomes to record: 1; a second signal gives them up"];
  let log = "";
  for await (const bytes of pool.stderr) {
    log += Buffer.from(bytes).toString();
    if (!log.includes(expected[0] ?? "\n\n")) continue;
    expected.shift();
    pool.kill("SIGTERM");
  }
  expect(expected).toEqual([]);
  expect(log).toContain("outcomes that were not recorded: 1; their jobs will run again");
  expect(await pool.exited).toBe(0);
  const [job] = await db.sql`select done, failed from pdoflow.posting where id = ${Number(out)}`;
  expect(job).toEqual({ done: 0, failed: 0 });
}, 60_000);
