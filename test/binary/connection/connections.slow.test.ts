import { expect, test } from "bun:test";

import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openProxy } from "../../proxy.ts";
import { openCli, said, until } from "../cli.ts";
import { postJobs, ended, expectAllDone } from "./many-jobs.ts";

test("backends that are terminated again and again cost nothing but time", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await postJobs(cli, db.url);
  const pool = cli.start("pool", "--max-workers", "2");
  for (let round = 1; round <= 5; round++) {
    await ended(db.sql, round * 200);
    await db.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`;
  }
  await expectAllDone(db.sql);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
}, 180_000);

test("a network that swallows packets while a pool starts: it says so and ends with 3", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  using cli = await openCli({ ...db, url: proxy.url });
  proxy.freezeAt("migration"); // the look at the schema, after the log-in
  const pool = await cli.run("pool");
  expect(pool).toMatchObject({ code: 3, out: "" });
  expect(pool.err).toContain("no answer in time");
}, 60_000);

test("--on-database-lost finish: a running job goes on, and is recorded unless it was rescued", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  using cli = await openCli({ ...db, url: proxy.url });
  await cli.write(
    "long.ts",
    "export const long = async (end, n) => {" +
      " while (!(await Bun.file(end + n).exists())) await Bun.sleep(20); return process.ppid; };",
  );
  const end = join(cli.folder, "end-");
  const input = JSON.stringify([1, 2].map((n) => [end, n]));
  await cli.runWith({ input }, "post", "long.ts#long", "-");
  const flags = ["--max-workers", "1", "--heartbeat-timeout", "3s"];
  const pool = cli.start("pool", ...flags, "--on-database-lost", "finish");
  const runs = (seq: number) =>
    until(`job ${seq} to run`, async () => {
      const rows = await db.sql`
        select from pdoflow.pool where pid = ${pool.pid} and state = 'up'
          and running @> ${db.sql.json([{ seq }])}`;
      return rows.length > 0;
    });
  await runs(0);
  proxy.freeze();
  await said(pool, "running jobs finish, even if another pool takes them over");
  await Bun.write(`${end}1`, "");
  proxy.thaw();
  await runs(1);
  expect([
    ...(await db.sql`select attempt, state, result::text::int as by from pdoflow.outcome`),
  ]).toEqual([{ attempt: 1, state: "done", by: pool.pid }]);
  proxy.freeze();
  const other = cli.start("pool", `--database=${db.url}`, ...flags, "--once");
  await until("the other pool to take it over", async () => {
    const rows = await db.sql`
      select from pdoflow.lease l join pdoflow.pool p on p.id = l.pool_id
      where l.active and p.pid = ${other.pid}`;
    return rows.length > 0;
  });
  await Bun.write(`${end}2`, "");
  expect(await other.exited).toBe(0);
  proxy.thaw();
  const [row] = await db.sql`
    select result::text::int as by from pdoflow.outcome where seq = 1 and state = 'done'`;
  expect(row).toEqual({ by: other.pid });
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
}, 120_000);
