import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../in-process.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";
import { until } from "../../binary/cli.ts";

const at = (ms: number) => new Date(Date.now() + ms).toISOString();

test("--run-at: nothing runs before its time, a waiting pool starts it then, and explain reports it", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  const pool = cli.start("pool", "--max-workers", "1");
  await until("the pool to wait", async () => {
    const [row] = await db.sql`select from pdoflow.pool where listens`;
    return row;
  });
  const moment = at(2_000);
  const id = await cli.post([1, 2], "fn.ts#quick", "--run-at", moment);
  const hour = await cli.post([3], "fn.ts#quick", "--run-at", at(3_600_000));
  expect((await cli.run("explain", `${hour}/0`)).out).toMatch(
    /waits because its posting starts in (60|59) min/,
  );
  await cli.run("wait", String(id));
  const [row] = await db.sql`
    select min(o.ended_at) >= ${moment}::text::timestamptz as in_time, count(*)::int as jobs
    from pdoflow.posting p join pdoflow.outcome o on o.posting_id = p.id group by p.id`;
  expect(row).toEqual({ inTime: true, jobs: 2 });
  pool.kill("SIGTERM");
  await pool.exited;
  const once = await cli.run("pool", "--once", "--max-workers", "1");
  expect(once.err).toContain("ended: 0 done"); // a posting that starts in an hour is not waited for
});

test("--run-at takes times as people write them, and says when the jobs start", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  for (const time of ["+1h", "02:00", "tomorrow 02:00", "2999-01-01"]) {
    const run = await cli.run("post", "fn.ts#quick", "--each", "1", "--run-at", time);
    expect(run).toMatchObject({ code: 0 });
    const at = /^--run-at .*: the jobs start at \d{4}-\d\d-\d\dT.*Z$/m;
    if (/^(2999|\+)/.test(time)) expect(run.err).toBe("");
    else expect(run.err).toMatch(at);
  }
  const rows = await db.sql`select run_at > now() as later from pdoflow.posting`;
  expect(rows.map(({ later }) => later)).toEqual([true, true, true, true]);
  const [hour] = await db.sql`
    select run_at - posted_at = '1 hour' as is_right from pdoflow.posting where id = 1`;
  expect(hour).toEqual({ isRight: true }); // by the clock of the server, not by this machine's
  const wrong = await cli.run("post", "fn.ts#quick", "--each", "1", "--run-at", "soon");
  expect(wrong).toMatchObject({ code: 2 });
  expect(wrong.err).toContain("expected a time such as +1h, 02:00, tomorrow 02:00, 2026-01-01");
});

test("run --run-at waits for its time, also when it is resumed", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("fn.ts", "export const now = () => Date.now();");
  const due = Date.now() + 2_000;
  const time = new Date(due).toISOString();
  const run = await cli.run("run", "fn.ts#now", "--no-args", "-j1", "--run-at", time);
  expect(run).toMatchObject({ code: 0 });
  expect(Number(run.out)).toBeGreaterThanOrEqual(due);
  const later = cli.start("run", "fn.ts#now", "--no-args", "-j1", "--run-at", "1h");
  await until("the posting", async () => (await db.sql`select from pdoflow.posting`).length === 2);
  later.kill("SIGTERM");
  expect(await later.exited).toBe(143);
  await db.sql`update pdoflow.posting set run_at = now() + interval '1 s' where id = 2`;
  expect(await cli.run("run", "--resume", "2", "-j1")).toMatchObject({ code: 0 });
});
