import { expect, test } from "bun:test";
import { join } from "node:path";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";

import { freshDatabase } from "../../database.ts";
import { openProxy } from "../../proxy.ts";
import { openCli, said, until } from "../cli.ts";
import { postJobs, ended, expectAllDone } from "./many-jobs.ts";
import { connect } from "../../../src/db/connection/connect.ts";
import { deferred } from "../../../src/domain/node-20.ts";
import { untilBlocked } from "../../db/locks.ts";
import { workersOf } from "../processes.ts";

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

test("a pool whose first claim is never answered comes up, and ends on SIGTERM", async () => {
  await using db = await freshDatabase();
  const frozen = deferred<void>();
  const inClaim = "pool_routes";
  await using proxy = await openProxy(db.url, (bytes) => {
    if (bytes.includes(inClaim)) frozen.resolve();
  });
  using cli = await openCli({ ...db, url: proxy.url });
  proxy.freezeAt(inClaim);
  const pool = cli.start("pool", "--max-workers", "1", "--heartbeat-timeout", "3s");
  await frozen.promise;
  proxy.thaw();
  await said(pool, "1 worker, root");
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
  expect([...(await db.sql`select state from pdoflow.pool`)]).toEqual([{ state: "stopped" }]);
}, 40_000); // a claim waits a minute for its answer

test("a pool that is stopped as soon as it is registered leaves no row that is up", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  const pool = cli.start("pool", "--max-workers", "1");
  while ((await db.sql`select from pdoflow.pool`).length === 0) await Bun.sleep(0);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
  expect([...(await db.sql`select state from pdoflow.pool`)]).toEqual([{ state: "stopped" }]);
}, 60_000);

test("a network that swallows packets: the pool stops its workers in time, and goes on afterwards", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  using cli = await openCli({ ...db, url: proxy.url });
  await postJobs(cli, db.url);
  const pool = cli.start("pool", "--max-workers", "2", "--heartbeat-timeout", "3s");
  await ended(db.sql, 300);
  const workers = workersOf(pool.pid);
  expect(workers).toHaveLength(2);
  proxy.freeze();
  await said(pool, "the workers were stopped, before another pool takes over their jobs");
  await until("the workers to be gone", async () => {
    const left = workersOf(pool.pid);
    return !workers.some((pid) => left.includes(pid));
  });
  const [row] = await db.sql`
    select (extract(epoch from clock_timestamp() - heartbeat_at) * 1000)::int as silent_ms from pdoflow.pool`;
  expect(row?.["silentMs"]).toBeLessThan(3_000);
  proxy.thaw();
  await expectAllDone(db.sql);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
}, 180_000);

test("a draining pool that reaches the database no more stops its jobs, releases them, and ends", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  using cli = await openCli({ ...db, url: proxy.url });
  const mark = join(tmpdir(), `pdoflow-draining-${crypto.randomUUID()}`);
  await cli.write(
    "long.ts",
    "export const long = async (mark) => { await Bun.write(mark, ''); await Bun.sleep(600_000); };",
  );
  await cli.runWith({ input: JSON.stringify([mark]) }, "post", "long.ts#long", "-");
  const pool = cli.start("pool", "--max-workers", "1", "--heartbeat-timeout", "3s");
  await until("the job to run", () => Bun.file(mark).exists());
  rmSync(mark);
  pool.kill("SIGTERM");
  await until("the pool to drain", async () => {
    const [row] = await db.sql`select state from pdoflow.pool`;
    return row?.["state"] === "draining";
  });
  proxy.freeze();
  await said(pool, "the workers were stopped, before another pool takes over their jobs");
  proxy.thaw();
  expect(await pool.exited).toBe(0);
  expect([...(await db.sql`select state from pdoflow.pool`)]).toEqual([{ state: "stopped" }]);
  expect([...(await db.sql`select attempt from pdoflow.retry`)]).toEqual([{ attempt: 1 }]);
}, 60_000);

test("a statement that an administrator cancels is sent again, and its outcomes are kept", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("id.ts", "export const id = (i: number) => i;");
  await cli.runWith({ input: "[1]\n[2]\n" }, "post", "id.ts#id", "-");
  await using locker = connect(db.db.target, { connections: 1 });
  await locker.sql`begin`;
  await locker.sql`lock table pdoflow.outcome_run in share mode`;
  const pool = cli.start("pool", "--max-workers", "1", "--once");
  await until("what records to be cancelled", async () => {
    const cancelled = await db.sql`
      select pg_cancel_backend(pid) from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    return cancelled.length > 0;
  });
  await said(pool, "canceling statement");
  await locker.sql`commit`;
  expect(await pool.exited).toBe(0);
  const rows = await db.sql`select seq, attempt, state from pdoflow.outcome order by seq`;
  expect([...rows]).toEqual([
    { seq: 0, attempt: 1, state: "done" },
    { seq: 1, attempt: 1, state: "done" },
  ]);
});

test("a pool that is stopped while it takes a new row leaves none that says it is up", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await db.sql`
    create function slowly() returns trigger language plpgsql as $$
    begin perform pg_advisory_xact_lock(77); return new; end $$`;
  await db.sql`create trigger slowly before insert on pdoflow.pool execute function slowly()`;
  const pool = cli.start("pool", "--max-workers", "1", "--heartbeat-timeout", "60s");
  await until("it is up", async () => (await db.sql`select from pdoflow.pool`).length > 0);
  await using other = connect(db.db.target, { connections: 1 });
  await other.sql`select pg_advisory_lock(77)`;
  await db.sql`update pdoflow.pool set state = 'lost'`;
  await untilBlocked(db.db);
  pool.kill("SIGTERM");
  await said(pool, "a second signal kills them");
  await other.sql`select pg_advisory_unlock(77)`;
  expect(await pool.exited).toBe(0);
  const states = await db.sql`select state from pdoflow.pool order by number`;
  expect(states.map(({ state }) => state)).toEqual(["lost", "stopped"]);
});
