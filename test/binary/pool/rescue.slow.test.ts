import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCli, until } from "../cli.ts";
import { heartbeatTimeout, untilFinished, untilRunning, waits } from "./waiting-jobs.ts";

test("pool --once waits for the jobs of a pool that is dead, and says so", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("wait.ts", waits);
  await cli.run("post", "wait.ts#wait", "--each", "1-2", "--backoff", "10ms");
  const first = cli.start("pool", "--max-workers", "1", "--heartbeat-timeout", "10s");
  await untilRunning(db, 1);
  first.kill("SIGKILL");
  await first.exited;
  await cli.write("go", "");
  const { code, err } = await cli.run("pool", "--once", "--max-workers", "1");
  expect(err).toMatch(
    /waiting for pool 1 on .*, which has jobs: without a heartbeat, its jobs are released/,
  );
  expect(err).toMatch(/pool 1 on .* was lost; [12] of its jobs released/);
  expect(code).toBe(0);
  expect([...(await db.sql`select state, done from pdoflow.posting`)]).toEqual([
    { state: "finished", done: 2 },
  ]);
});

test("a job that brings its pool down each time does not do so forever", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write(
    "poison.ts",
    `export function poison(i: number) {
       if (i === 5) { process.kill(process.ppid, "SIGKILL"); for (;;); }
       return i;
     }`,
  );
  await cli.write("args.json", JSON.stringify(Array.from({ length: 10 }, (_, i) => [i])));
  await cli.run(
    "post",
    "poison.ts#poison",
    "args.json",
    "--max-attempts",
    "2",
    "--backoff",
    "10ms",
  );
  let pools = 0;
  await until(
    "the posting to end",
    async () => {
      pools++;
      await cli.run("pool", "--max-workers", "1", "--once", ...heartbeatTimeout);
      // The next pool that starts rescues, once this one has been silent for its heartbeat timeout.
      await until("the lost pool's heartbeat timeout to end", async () => {
        const [row] = await db.sql`
        select count(*)::int as n from pdoflow.pool where state = 'up'
          and heartbeat_at > clock_timestamp() - heartbeat_timeout_ms * interval '1 ms'`;
        return row?.["n"] === 0;
      });
      const [row] = await db.sql`select state from pdoflow.posting`;
      return row?.["state"] === "finished";
    },
    60_000,
  );
  expect(pools).toBeLessThan(10);
  const [row] = await db.sql`select done, failed from pdoflow.posting`;
  expect(row).toEqual({ done: 9, failed: 1 });
  const reasons = await db.sql`
    select distinct error->>'name' as name from pdoflow.outcome where seq = 5`;
  expect([...reasons]).toEqual([{ name: "PoolLost" }]);
}, 180_000);

test("a pool whose workers burn all CPU still beats: no false alarm", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write(
    "burn.ts",
    `export function burn(ms: number) { const end = Date.now() + ms; while (Date.now() < end); }`,
  );
  await cli.write("args.json", JSON.stringify(Array.from({ length: 16 }, () => [9_000])));
  await cli.run("post", "burn.ts#burn", "args.json");
  const pools = [8, 8].map((n) =>
    cli.start("pool", "--max-workers", String(n), "--heartbeat-timeout", "4s"),
  );
  await untilFinished(db);
  const rows = await db.sql`select state, refused from pdoflow.pool`;
  expect([...rows]).toEqual([
    { state: "up", refused: 0 },
    { state: "up", refused: 0 },
  ]);
  const [outcomes] =
    await db.sql`select count(*)::int as n, max(attempt) as attempt from pdoflow.outcome`;
  expect(outcomes).toEqual({ n: 16, attempt: 1 });
  for (const pool of pools) pool.kill("SIGTERM");
  await Promise.all(pools.map((pool) => pool.exited));
}, 180_000);

test("the journal of a job that ran twice is the proof that it was tried twice, no more", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("wait.ts", waits);
  await cli.write("args.json", "[[0]]");
  await cli.run("post", "wait.ts#wait", "args.json", "--backoff", "10ms");
  const pool = cli.start("pool", "--max-workers", "1", ...heartbeatTimeout);
  await until("the job to be known as running", async () => {
    const [row] = await db.sql`select jsonb_array_length(running) as n from pdoflow.pool`;
    // On a busy machine the worker is known to run it before its first line has run.
    return row?.["n"] === 1 && existsSync(join(cli.folder, "journal"));
  });
  pool.kill("SIGKILL");
  await pool.exited;
  await cli.write("go", "");
  const next = cli.start("pool", "--max-workers", "1", ...heartbeatTimeout);
  await untilFinished(db);
  next.kill("SIGTERM");
  await next.exited;
  expect(readFileSync(join(cli.folder, "journal"), "utf8")).toBe("0\n0\n");
}, 120_000);
