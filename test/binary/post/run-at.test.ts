import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openQueueCli } from "../queue-cli.ts";
import { until } from "../cli.ts";

const at = (ms: number) => new Date(Date.now() + ms).toISOString();

test("--run-at: nothing runs before its time, a pool that waits starts it then, and explain tells", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
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
  expect(once.err).toContain("ended: 0 done"); // what starts in an hour is not waited for
});

test("--run-at takes a local time, and says what it expects of any other", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  const run = (when: string, TZ: string) =>
    cli.runWith({ input: "[[1]]", env: { TZ } }, "post", "fn.ts#quick", "-", "--run-at", when);
  expect(await run("2999-07-01T02:00", "Europe/Berlin")).toMatchObject({ code: 0 });
  expect(await run("2999-07-01 02:00Z", "Europe/Berlin")).toMatchObject({ code: 0 });
  const rows = await db.sql`
    select to_char(run_at at time zone 'UTC', 'DD HH24:MI') as at from pdoflow.posting order by id`;
  expect(rows.map((row) => row["at"])).toEqual(["01 00:00", "01 02:00"]);
  for (const when of ["tomorrow", "2999-13-01T00:00", "02:00"]) {
    const { code, err } = await run(when, "UTC");
    expect([code, err]).toEqual([2, expect.stringContaining("expected a time such as")]);
  }
});
