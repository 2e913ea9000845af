import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCli, until } from "../cli.ts";
import { heartbeatTimeout, untilFinished, untilRunning, waits } from "./waiting-jobs.ts";

test("kill -9 of a pool: its running jobs use up an attempt, all others do not, nothing is lost", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("wait.ts", waits);
  await cli.write("args.json", JSON.stringify(Array.from({ length: 20 }, (_, i) => [i])));
  await cli.run("post", "wait.ts#wait", "args.json", "--backoff", "10ms");
  const first = cli.start("pool", "--max-workers", "2", ...heartbeatTimeout);
  await untilRunning(db, 2);
  first.kill("SIGKILL");
  await first.exited;
  await cli.write("go", "");

  const second = cli.start("pool", "--max-workers", "2", ...heartbeatTimeout);
  await untilFinished(db);
  second.kill("SIGTERM");
  expect(await second.exited).toBe(0);

  const lost = await db.sql`
    select seq, attempt, state, error->>'name' as name, error->>'message' as message
    from pdoflow.outcome where state <> 'done' order by seq`;
  expect(lost.map((row) => [row["seq"], row["attempt"], row["state"], row["name"]])).toEqual([
    [0, 1, "retried", "PoolLost"],
    [1, 1, "retried", "PoolLost"],
  ]);
  expect(lost[0]?.["message"]).toMatch(/^pool 1 on .* \(pid \d+\) was lost while it ran this job$/);
  const done = await db.sql`
    select seq, attempt from pdoflow.outcome where state = 'done' order by seq`;
  expect(done.map((row) => [row["seq"], row["attempt"]])).toEqual(
    Array.from({ length: 20 }, (_, i) => [i, i < 2 ? 2 : 1]),
  );
  const pools = await db.sql`select state from pdoflow.pool order by number`;
  expect(pools.map(({ state }) => state)).toEqual(["lost", "stopped"]);
}, 120_000);

test("pool --once does not wait for the jobs of a pool that is alive", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("wait.ts", waits);
  await cli.run("post", "wait.ts#wait", "--each", "1");
  const first = cli.start("pool", "--max-workers", "1", ...heartbeatTimeout);
  await untilRunning(db, 1);
  expect(await cli.run("pool", "--once")).toMatchObject({ code: 0 });
  expect([...(await db.sql`select state from pdoflow.posting`)]).toEqual([{ state: "open" }]);
  await cli.write("go", "");
  first.kill("SIGTERM");
  await first.exited;
});

test("a pool that was stopped for longer than its heartbeat timeout does no harm when it goes on", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("wait.ts", waits);
  await cli.write("args.json", "[[0]]");
  await cli.run("post", "wait.ts#wait", "args.json", "--backoff", "10ms");
  const first = cli.start("pool", "--max-workers", "1", ...heartbeatTimeout);
  await untilRunning(db, 1);
  first.kill("SIGSTOP");
  const second = cli.start("pool", "--max-workers", "1", ...heartbeatTimeout);
  await until("the second pool to have the job", async () => {
    const [row] = await db.sql`select max(attempt) as n from pdoflow.outcome`;
    const [lease] =
      await db.sql`select count(*)::int as n from pdoflow.lease l join pdoflow.pool p on p.id = l.pool_id
        where l.active and p.number = 2`;
    return row?.["n"] === 1 && lease?.["n"] === 1;
  });
  // The worker of the stopped pool ends the first attempt now, and its pool hears of it later.
  await cli.write("go", "");
  await untilFinished(db);
  first.kill("SIGCONT");
  await until("the first pool to come back under a new row", async () => {
    const [row] = await db.sql`select count(*)::int as n from pdoflow.pool`;
    return row?.["n"] === 3;
  });
  for (const pool of [first, second]) {
    pool.kill("SIGTERM");
    expect(await pool.exited).toBe(0);
  }
  const outcomes = await db.sql`
    select attempt, state, error->>'name' as name from pdoflow.outcome order by attempt`;
  expect([...outcomes]).toEqual([
    { attempt: 1, state: "retried", name: "PoolLost" },
    { attempt: 2, state: "done", name: null },
  ]);
}, 120_000);

test("outcomes of a pool that was rescued from are refused, counted, and shown by status", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("wait.ts", waits);
  await cli.write("args.json", "[[0]]");
  await cli.run("post", "wait.ts#wait", "args.json");
  const pool = cli.start("pool", "--max-workers", "1", "--heartbeat-timeout", "60s");
  await until("the job to run", async () => existsSync(join(cli.folder, "journal")));
  // The first step of a rescue, while the pool is alive and does not know.
  await db.sql`update pdoflow.lease set active = false`;
  await cli.write("go", "");
  await until("the refusal", async () => {
    const [row] = await db.sql`select refused from pdoflow.pool`;
    return row?.["refused"] === 1;
  });
  expect(JSON.parse((await cli.run("status", "--json")).out).pools).toMatchObject([{ refused: 1 }]);
  expect(await db.sql`select from pdoflow.outcome`).toHaveLength(0);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
});

test("a job that kills its pool at once costs one attempt of one job with each pool", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write(
    "poison.ts",
    `export function poison() { process.kill(process.ppid, "SIGKILL"); for (;;); }`,
  );
  await cli.write("args.json", "[[],[]]");
  await cli.run(
    "post",
    "poison.ts#poison",
    "args.json",
    "--max-attempts",
    "2",
    "--backoff",
    "10ms",
  );
  const attempts = () => db.sql`select seq, attempt from pdoflow.outcome order by seq, attempt`;
  for (let pools = 1; pools <= 4; pools++) {
    await cli.run("pool", "--max-workers", "1", "--once", ...heartbeatTimeout);
    // As if its heartbeat timeout had ended.
    await db.sql`update pdoflow.pool set heartbeat_at = '-infinity'`;
    await db.sql`select pdoflow.pool_rescue()`;
    expect(await attempts()).toHaveLength(pools);
  }
  await db.sql`select pdoflow.pool_finish_stragglers()`;
  const [row] = await db.sql`select state, failed from pdoflow.posting`;
  expect(row).toEqual({ state: "finished", failed: 2 });
  expect(await db.sql`select from pdoflow.pool where state = 'lost'`).toHaveLength(4);
}, 60_000);

test("pool --once counts jobs that a lost pool was running for the last time", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.run("post", "--max-attempts", "1", "--no-args", "--", "sleep 600");
  const first = cli.start("pool", "--commands", "--max-workers", "1", ...heartbeatTimeout);
  await until("the job to be known as running for a while", async () => {
    const [row] = await db.sql`select (running -> 0 ->> 'ms')::float8 as ms from pdoflow.pool`;
    return Number(row?.["ms"] ?? 0) > 0;
  });
  first.kill("SIGKILL");
  await first.exited;
  const { code, err } = await cli.run("pool", "--commands", "--once", ...heartbeatTimeout);
  expect(code).toBe(1);
  expect(err).toMatch(/pool 1 on .* was lost; 0 of its jobs released, 1 failed\n/);
  expect(err).toContain("0 released, 1 failed with a lost pool\n");
  const [job] = (await cli.run("jobs", "1", "--json")).out.split("\n");
  expect(JSON.parse(job ?? "")).toMatchObject({ status: "failed", durationMs: expect.any(Number) });
  expect((await cli.run("jobs", "1")).out).not.toMatch(/ 0ms /);
});
