import { expect, test } from "bun:test";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCli, until } from "../cli.ts";
import { workersOf } from "../processes.ts";

test("100,000 jobs, a worker killed on the way: each job has exactly one ended outcome", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("noop.ts", "export function noop(a: number, b: number, c: string) {}\n");
  const lines = Array.from({ length: 100_000 }, (_, i) => `[${i},2.5,"file-${i}.txt"]\n`);
  await cli.write("args.ndjson", lines.join(""));

  const posted = await cli.run("post", "noop.ts#noop", "args.ndjson");
  expect(posted).toEqual({ code: 0, out: "1\n", err: "" });

  const pool = cli.start("pool", "--max-workers", "4", "--once");
  await until("the first 1,000 outcomes", async () => {
    const [row] = await db.sql`select count(*)::int as n from pdoflow.outcome`;
    return row?.["n"] >= 1_000;
  });
  const [victim] = workersOf(pool.pid);
  if (victim === undefined) throw new Error("the pool has no workers");
  process.kill(victim, "SIGKILL");
  expect(await pool.exited).toBe(0);

  const [ended] = await db.sql`
    select count(*)::int as outcomes, count(distinct seq)::int as jobs from pdoflow.outcome
    where state in ('done', 'failed', 'cancelled')`;
  expect(ended).toEqual({ outcomes: 100_000, jobs: 100_000 });
  const [status] = await db.sql`select state, done, failed from pdoflow.posting`;
  expect(status).toEqual({ state: "finished", done: 100_000, failed: 0 });
  const [left] = await db.sql`
    select (select count(*) from pdoflow.lease where active)::int as held,
           (select count(*) from pdoflow.retry)::int as retries,
           (select count(*) from pdoflow.progress)::int as progress`;
  expect(left).toEqual({ held: 0, retries: 0, progress: 0 });
}, 120_000);

test("the job that a killed worker ran fails that attempt, says why, and runs again", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write(
    "die.ts",
    `import { existsSync, writeFileSync } from "node:fs";
     export function die(i: number) {
       if (i !== 3 || existsSync("died")) return i;
       writeFileSync("died", "");
       process.kill(process.pid, "SIGKILL");
       for (;;);
     }`,
  );
  await cli.write("args.json", JSON.stringify([0, 1, 2, 3, 4, 5].map((i) => [i])));
  await cli.run("post", "die.ts#die", "args.json", "--backoff", "10ms");
  expect((await cli.run("pool", "--max-workers", "1", "--once")).code).toBe(0);

  const failed = await db.sql`
    select seq, attempt, state, error->>'name' as name, error->>'message' as message
    from pdoflow.outcome where state <> 'done'`;
  expect([...failed]).toEqual([
    {
      seq: 3,
      attempt: 1,
      state: "retried",
      name: "WorkerDied",
      message: expect.stringMatching(/^worker \d+ was killed by SIGKILL while it ran this job$/),
    },
  ]);
  const done = await db.sql`
    select seq, attempt, result from pdoflow.outcome where state = 'done' order by seq`;
  expect(done.map((row) => [row["seq"], row["attempt"], row["result"]])).toEqual(
    [0, 1, 2, 3, 4, 5].map((i) => [i, i === 3 ? 2 : 1, i]),
  );
});

test("a failing job is tried three times, with a wait in between, and then the pool says 1", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("bad.ts", `export function bad(n: number) { throw new TypeError("no " + n); }`);
  await cli.write("args.json", "[[7]]");
  await cli.run("post", "bad.ts#bad", "args.json", "--backoff", "40ms");
  const { code, err } = await cli.run("pool", "--max-workers", "1", "--once");
  expect(code).toBe(1);
  expect(err).toContain("0 done, 1 failed, 2 failed attempts to be retried");

  const outcomes = await db.sql`
    select attempt, state, error->>'name' as name, error->>'message' as message,
           error->>'stack' as stack, ended_at
    from pdoflow.outcome order by attempt`;
  expect(
    outcomes.map((row) => [row["attempt"], row["state"], row["name"], row["message"]]),
  ).toEqual([
    [1, "retried", "TypeError", "no 7"],
    [2, "retried", "TypeError", "no 7"],
    [3, "failed", "TypeError", "no 7"],
  ]);
  expect(outcomes[0]?.["stack"]).toContain("bad.ts:1");
  const at = outcomes.map((row) => row["endedAt"].getTime());
  expect(at[1] - at[0]).toBeGreaterThanOrEqual(25);
  expect(at[2] - at[1]).toBeGreaterThanOrEqual(50);
});

test("SIGTERM: running jobs finish, the rest is released unused, the exit code is 0", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write(
    "wait.ts",
    `import { appendFileSync, existsSync } from "node:fs";
     export async function wait(i: number) {
       appendFileSync("started", "x");
       while (!existsSync("go")) await Bun.sleep(5);
       return i;
     }`,
  );
  await cli.write("started", "");
  await cli.write("args.json", JSON.stringify(Array.from({ length: 50 }, (_, i) => [i])));
  await cli.run("post", "wait.ts#wait", "args.json");
  const pool = cli.start("pool", "--max-workers", "2");
  const started = Bun.file(join(cli.folder, "started"));
  await until("two jobs to run", async () => (await started.text()).startsWith("xx"));
  pool.kill("SIGTERM");
  await until("the pool to drain", async () => {
    const [row] = await db.sql`select state from pdoflow.pool`;
    return row?.["state"] === "draining";
  });
  await cli.write("go", "");
  expect(await pool.exited).toBe(0);

  const [row] = await db.sql`
    select (select count(*) from pdoflow.outcome where state = 'done')::int as done,
           (select count(*) from pdoflow.outcome where state <> 'done')::int as other,
           (select count(*) from pdoflow.lease where active)::int as held`;
  expect(row).toEqual({ done: expect.any(Number), other: 0, held: 0 });
  expect(row?.["done"]).toBeLessThanOrEqual(2);
  // Nothing is lost and no attempt was used: another pool runs them all, each at its first attempt.
  expect((await cli.run("pool", "--max-workers", "2", "--once")).code).toBe(0);
  const [all] = await db.sql`
    select count(*)::int as n, max(attempt) as attempt from pdoflow.outcome where state = 'done'`;
  expect(all).toEqual({ n: 50, attempt: 1 });
});

test("a second signal kills at once, and the jobs that ran go back with their attempt unused", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write(
    "spin.ts",
    `import { appendFileSync } from "node:fs";
     export function spin() { appendFileSync("started", "x"); for (;;); }`,
  );
  await cli.write("started", "");
  await cli.write("args.json", "[[],[],[]]");
  await cli.run("post", "spin.ts#spin", "args.json");
  const pool = cli.start("pool", "--max-workers", "2");
  const started = Bun.file(join(cli.folder, "started"));
  await until("both workers to spin", async () => (await started.text()) === "xx");
  pool.kill("SIGTERM");
  await until("the pool to drain", async () => {
    const [row] = await db.sql`select state from pdoflow.pool`;
    return row?.["state"] === "draining";
  });
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
  const [row] = await db.sql`
    select (select count(*) from pdoflow.outcome)::int as outcomes,
           (select coalesce(sum(end_seq - first_seq), 0) from pdoflow.retry where attempt = 1)::int as back,
           (select count(*) from pdoflow.lane where state = 'open')::int as open`;
  expect(row?.["outcomes"]).toBe(0);
  expect(row?.["back"] + row?.["open"]).toBeGreaterThanOrEqual(3);
});
