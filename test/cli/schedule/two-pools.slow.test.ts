// Two pools, each a process, and schedules on a clock of the test.
import { expect, test } from "bun:test";

import { until } from "../../binary/cli.ts";
import { freshDatabase } from "../../database.ts";
import { useTestClock } from "../../db/schedule/test-clock.ts";
import { openCommands, program } from "../in-process.ts";

test("H2: two pools fire each time once, also when one of them is killed", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("work.ts", "export const main = () => 1;");
  const at = (hour: number) => new Date(Date.UTC(2026, 9, 24, 22 + hour));
  const setClock = await useTestClock(db.db, at(0));
  const names = Array.from({ length: 20 }, (_, i) => `s${i}`);
  for (const name of names) {
    await db.sql`
      select pdoflow.schedule(${name}, '0 * * * *', 'work.ts#main', '[]', '{}',
                              '{"zone": "Europe/Berlin"}')`;
  }
  const startPool = () =>
    Bun.spawn([...program, "pool", "--max-workers", "1", "--heartbeat-timeout", "3s"], {
      cwd: cli.folder,
      env: cli.env,
      stdio: ["ignore", "ignore", "ignore"],
    });
  const fired = async () =>
    Number((await db.sql`select count(*)::int as n from pdoflow.fire`)[0]?.["n"]);
  const ended = async () =>
    Number((await db.sql`select count(ended_at)::int as n from pdoflow.posting`)[0]?.["n"]);
  let [one, other] = [startPool(), startPool()];
  await until("two pools", async () => (await db.sql`select from pdoflow.pool`).length === 2);
  for (let hour = 1; hour <= 3; hour++) {
    await setClock(at(hour));
    await until("the first fire", async () => (await fired()) > 20 * (hour - 1));
    if (hour === 2) {
      one.kill("SIGKILL");
      [one, other] = [other, startPool()];
    }
    await until("all jobs to run", async () => (await ended()) === 20 * hour);
  }
  expect(await fired()).toBe(60);
  expect(
    await db.sql`
      select scheduled_at, count(*)::int as postings, count(distinct schedule)::int as schedules
      from pdoflow.posting group by 1 order by 1`,
  ).toEqual(
    [1, 2, 3].map((hour) => ({ scheduledAt: at(hour), postings: 20, schedules: 20 })) as never,
  );
  await until("the third pool", async () => (await db.sql`select from pdoflow.pool`).length === 3);
  for (const pool of [one, other]) pool.kill("SIGTERM");
  expect(await one.exited).toBe(0);
  expect(await other.exited).toBe(0);
}, 60_000);
