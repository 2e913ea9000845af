// The times of schedules around the changes of the clock: fired, on a clock of the test, and
// compared with lists that were written by hand. All times are in UTC, in 2026.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { freshQueue } from "../engine.ts";
import { useTestClock } from "./test-clock.ts";

let db: Db;
let setClock: (at: Date) => Promise<void>;
beforeAll(async () => {
  db = await freshQueue();
  setClock = await useTestClock(db, new Date(0));
});
afterAll(() => db[Symbol.asyncDispose]());

const utc = (text: string) => new Date(`2026-${text.replace(" ", "T")}Z`);

/** The times that fire between two moments, each with the moment at which it fired. */
async function firesOf(timing: string, from: string, to: string, settings: object) {
  const { sql } = db;
  await sql`truncate pdoflow.schedule, pdoflow.fire`;
  await setClock(utc(from));
  await sql`select pdoflow.schedule('a', ${timing}, 'work.ts#main', '[1]', '{}',
                                    ${sql.json({ overlap: "allow", ...settings })})`;
  const fires = new Map<string, Date>();
  for (;;) {
    const [next] = await sql<{ nominalAt: Date; firesAt: Date }[]>`
      select nominal_at, fires_at from pdoflow.schedules`;
    if (!next || next.nominalAt > utc(to)) break;
    await setClock(next.firesAt);
    await sql`select pdoflow.pool_fire_due()`;
    fires.set(next.nominalAt.toISOString(), next.firesAt);
  }
  const posted = await sql<{ nominalAt: Date }[]>`
    select nominal_at from pdoflow.fires where outcome = 'posted' order by nominal_at`;
  return posted.map(({ nominalAt }) => ({
    nominal: nominalAt.toISOString().slice(5, 16).replace("T", " "),
    delayMs: (fires.get(nominalAt.toISOString())?.getTime() ?? NaN) - nominalAt.getTime(),
  }));
}

/** `03-29 00:00 00:15`: a day, and times of it. */
const listed = (days: readonly string[]) =>
  days.flatMap((text) => {
    const [day = "", ...times] = text.split(" ");
    return times.map((time) => `${day} ${time}`);
  });

const quarters = (hours: readonly string[]) =>
  hours.flatMap((hour) => ["00", "15", "30", "45"].map((minute) => `${hour}:${minute}`)).join(" ");

const jitter = { jitterMs: 600_000 };

describe.each([
  {
    zone: "Europe/Berlin",
    gap: [
      ["a time that is skipped", "30 2 * * *", ["03-28 01:30", "03-29 01:00", "03-30 00:30"]],
      ["its hour by quarters", "*/15 1-3 * * *", [`03-29 ${quarters(["00", "01"])}`]],
      ["each hour", "0 * * * *", ["03-28 23:00", "03-29 00:00 01:00 02:00"]],
      ["every 90m", "every 90m", ["03-29 00:30 02:00 03:30"]],
    ],
    twice: [
      ["a time that comes twice", "30 2 * * *", ["10-24 00:30", "10-25 00:30", "10-26 01:30"]],
      ["its hour by quarters", "*/15 2 * * *", [`10-25 ${quarters(["00", "01"])}`]],
      ["each hour", "0 * * * *", ["10-24 23:00", "10-25 00:00 01:00 02:00"]],
      ["every 90m", "every 90m", ["10-25 00:30 02:00 03:30"]],
    ],
  },
  {
    zone: "America/New_York",
    gap: [
      ["a time that is skipped", "30 2 * * *", ["03-07 07:30", "03-08 07:00", "03-09 06:30"]],
      ["its hour by quarters", "*/15 1-3 * * *", [`03-08 ${quarters(["06", "07"])}`]],
      ["each hour", "0 * * * *", ["03-08 05:00 06:00 07:00 08:00"]],
      ["every 90m", "every 90m", ["03-08 06:30 08:00 09:30"]],
    ],
    twice: [
      ["a time that comes twice", "30 1 * * *", ["10-31 05:30", "11-01 05:30", "11-02 06:30"]],
      ["its hour by quarters", "*/15 1 * * *", [`11-01 ${quarters(["05", "06"])}`]],
      ["each hour", "0 * * * *", ["11-01 04:00 05:00 06:00 07:00"]],
      ["every 90m", "every 90m", ["11-01 05:30 07:00 08:30"]],
    ],
  },
  {
    zone: "Australia/Lord_Howe", // its clock changes by half an hour
    gap: [
      ["a time that is skipped", "15 2 * * *", ["10-02 15:45", "10-03 15:30", "10-04 15:15"]],
      ["its hour by quarters", "*/15 1-2 * * *", ["10-03 14:30 14:45 15:00 15:15 15:30 15:45"]],
      ["each hour", "0 * * * *", ["10-03 13:30 14:30 16:00 17:00"]],
      ["every 90m", "every 90m", ["10-03 15:00 16:30 18:00"]],
    ],
    twice: [
      ["a time that comes twice", "45 1 * * *", ["04-03 14:45", "04-04 14:45", "04-05 15:15"]],
      ["its hour by quarters", "*/15 1 * * *", ["04-04 14:00 14:15 14:30 14:45 15:00 15:15"]],
      ["each hour", "0 * * * *", ["04-04 13:00 14:00 15:30 16:30"]],
      ["every 90m", "every 90m", ["04-04 14:30 16:00 17:30"]],
    ],
  },
] as const)("in $zone", ({ zone, gap, twice }) => {
  test.each([...gap, ...twice])("%s: %s", async (_what, timing, days) => {
    const expected = listed(days);
    const [first = "", last = ""] = [expected[0], expected.at(-1)];
    // "every 90m" begins when it is added; the others fire first some time later.
    const before = new Date(
      utc(first).getTime() - (timing.startsWith("every") ? 5_400_000 : 1_000),
    );
    const from = before.toISOString().slice(5, 19).replace("T", " ");
    const fires = await firesOf(timing, from, last, { zone });
    expect(fires).toEqual(expected.map((nominal) => ({ nominal, delayMs: 0 })));
    const late = await firesOf(timing, from, last, { zone, ...jitter });
    expect(late.map(({ nominal }) => nominal)).toEqual(expected);
    for (const { delayMs } of late) expect(delayMs).toBeWithin(0, jitter.jitterMs);
  });
});

test("H3: the jitter of a time is the same on all servers, also where the clock changes", async () => {
  const fires = await firesOf("30 2 * * *", "03-28 00:00", "03-30 12:00", {
    ...{ zone: "Europe/Berlin", ...jitter },
  });
  expect(fires).toEqual([
    { nominal: "03-28 01:30", delayMs: 467318 },
    { nominal: "03-29 01:00", delayMs: 109155 },
    { nominal: "03-30 00:30", delayMs: 140207 },
  ]);
});
