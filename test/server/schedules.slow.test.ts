// Schedules and a server that is down when they are due, or that forgets what it has committed.
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { rmSync } from "node:fs";

import { migrate } from "../../src/db/admin/migrations.ts";
import { connect } from "../../src/db/connection/connect.ts";
import { readFires } from "../../src/db/posting/schedules.ts";
import { ensureServer, serverState, stopServer } from "../../src/server/server.ts";
import { until } from "../binary/cli.ts";
import { type Commands, openCommands } from "../cli/in-process.ts";
import { useTestClock } from "../db/schedule/test-clock.ts";
import { ownServer } from "./own-server.ts";
import { isAlive } from "./place.ts";

let server: Awaited<ReturnType<typeof ownServer>>;
let cli: Commands;
beforeAll(async () => {
  server = await ownServer();
  await migrate(server.db);
  await useTestClock(server.db, at("09:30"));
  cli = await openCommands(server);
  await cli.write("work.ts", "export const main = () => 1;");
});
afterAll(async () => {
  cli[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});
beforeEach(() => setClock("09:30"));

const at = (time: string) => new Date(`2026-11-30T${time}:00Z`);

/** With a connection that survives no stop of the server. */
async function ask(statement: string): Promise<Record<string, unknown>[]> {
  await using db = connect(server.target, { connections: 1 });
  return await db.sql.unsafe(statement);
}

const setClock = (time: string) =>
  ask(`update test_clock.reading set at = '${at(time).toISOString()}'`);

const addHourly = (name: string, ...options: string[]) =>
  cli.run(
    ...["schedule", "add", name, "0 * * * *", "--overlap", "allow", ...options],
    ...["--", "post", "work.ts#main", "--no-args"],
  );

/** What is kept of the times of a schedule, the oldest first. */
async function historyOf(name: string): Promise<string[]> {
  await using db = connect(server.target, { connections: 1 });
  const fires = (await readFires(db, name, 100)).toReversed();
  const timeOf = (at: Date) => at.toISOString().slice(11, 16);
  return fires.map(({ nominalAt, outcome, reason, times, lastAt }) => {
    const run = lastAt === null ? "" : `(${times} until ${timeOf(lastAt)})`;
    return [timeOf(nominalAt), outcome, reason ?? "", run].join(" ").trim();
  });
}

test("a server that is down at their times: --missed decides, and the history has the reasons", async () => {
  for (const missed of ["last", "none", "all"]) {
    await addHourly(`m-${missed}`, "--missed", missed);
  }
  const pool = cli.start("pool", "--max-workers", "1", "--heartbeat-timeout", "3s");
  const done = (count: number) =>
    until(`${count} postings to end`, async () => {
      const [row] = await ask("select count(ended_at)::int as n from pdoflow.posting");
      return row?.["n"] === count;
    });
  await setClock("10:00");
  await done(3);
  await stopServer(server.place);
  await ensureServer(server.place);
  await setClock("13:20");
  await done(7); // 1 of "last", none of "none", 3 of "all"
  const reason = "missed no pool fired it in time";
  expect(await historyOf("m-last")).toEqual([
    "10:00 posted",
    `11:00 ${reason} (2 until 12:00)`,
    "13:00 posted",
  ]);
  expect(await historyOf("m-none")).toEqual(["10:00 posted", `11:00 ${reason} (3 until 13:00)`]);
  const all = ["10:00", "11:00", "12:00", "13:00"].map((time) => `${time} posted`);
  expect(await historyOf("m-all")).toEqual(all);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
}, 60_000);

test("H2: a fire that a crash loses is lost with its posting and the next time, and comes again once", async () => {
  await ask("truncate pdoflow.schedule, pdoflow.fire");
  await addHourly("hourly");
  await setClock("10:00");
  const { data } = server.place;
  const kept = `${data}-kept`;
  const state = async () => ({
    history: await historyOf("hourly"),
    postings: await ask("select scheduled_at from pdoflow.posting where schedule = 'hourly'"),
    next: await ask("select nominal_at, fires_at, posting_id from pdoflow.schedule"),
  });
  const fire = () => ask("select pdoflow.pool_fire_due() as has_fired");

  await stopServer(server.place);
  restore(data, kept);
  await ensureServer(server.place);
  const before = await state();
  expect(await fire()).toEqual([{ hasFired: true }]);
  const fired = await state();
  expect(fired).toMatchObject({
    ...{ history: ["10:00 posted"], postings: [{ scheduledAt: at("10:00") }] },
    next: [{ nominalAt: at("11:00") }],
  });

  await crash();
  restore(kept, data);
  await ensureServer(server.place);
  expect(await state()).toEqual(before);
  expect(await fire()).toEqual([{ hasFired: true }]);
  expect(await fire()).toEqual([{ hasFired: false }]);
  expect(await state()).toEqual(fired);
}, 60_000);

async function crash(): Promise<void> {
  const running = serverState(server.place);
  if (running.kind !== "running") throw new Error("no server runs");
  process.kill(running.pid, "SIGQUIT");
  await until("the server to end", async () => !isAlive(running.pid));
}

/** As after a crash that has lost what was not on the disk, or at a standby that lagged behind. */
function restore(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  Bun.spawnSync(["cp", "-a", from, to]);
}
