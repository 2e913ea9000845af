// Cron expressions in SQL, compared with croner, an implementation by others.
import { afterAll, beforeAll, expect, test } from "bun:test";

import { Cron } from "croner";
import * as fc from "fast-check";

import type { Db } from "../../../src/db/connection/connect.ts";
import { freshQueue } from "../engine.ts";

let db: Db;
/** The zones for which the server has the same data as this runtime, whose version may differ. */
let zones: string[];
beforeAll(async () => {
  db = await freshQueue();
  const all = Intl.supportedValuesOf("timeZone");
  const moments = Array.from({ length: 12 * 36 }, (_, month) => Date.UTC(2020, month, 15));
  const rows = await db.sql<{ zone: string; offsets: number[] }[]>`
    select zone, json_agg((extract(epoch from (at at time zone zone) - (at at time zone 'UTC'))
                            / 60)::integer order by at) as offsets
    from jsonb_array_elements_text(${JSON.stringify(all)}::text::jsonb) as z (zone),
      (select to_timestamp(ms::bigint / 1000) as at
       from jsonb_array_elements_text(${JSON.stringify(moments)}::text::jsonb) as m (ms)) m
    where zone in (select name from pg_timezone_names)
    group by zone`;
  zones = rows.flatMap(({ zone, offsets }) => {
    const format = formatOf(zone);
    return moments.every((ms, i) => offsetOf(format, ms) === offsets[i]) ? [zone] : [];
  });
  expect(zones.length).toBeGreaterThan(300);
});
afterAll(() => db[Symbol.asyncDispose]());

/** The next fires after a moment, as ISO text. */
async function fires(cron: string, zone: string, after: Date, count: number): Promise<string[]> {
  const rows = await db.sql<{ at: Date }[]>`
    with recursive fire (n, at) as (
      select 0, ${after.toISOString()}::timestamptz
      union all
      select n + 1, pdoflow.next_cron(pdoflow.parse_cron(${cron}), ${zone}, at)
      from fire where n < ${count} and at is not null)
    select at from fire where n > 0 and at is not null order by n`;
  return rows.map(({ at }) => new Date(at).toISOString());
}

const expected = (cron: string, zone: string, after: Date, count: number): string[] =>
  new Cron(cron, { timezone: zone, fixedTimeRule: "no-wildcard" })
    .nextRuns(count, after)
    .map((date) => date.toISOString());

const list = (min: number, max: number) =>
  fc.oneof(
    fc.constant("*"),
    fc.integer({ min, max }).map(String),
    fc.integer({ min: 2, max: 20 }).map((step) => `*/${Math.min(step, max - min + 1)}`),
    fc
      .tuple(fc.integer({ min, max }), fc.integer({ min, max }))
      .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
    fc.uniqueArray(fc.integer({ min, max }), { minLength: 2, maxLength: 4 }).map((ns) => ns.join()),
  );

const expression = fc
  .tuple(
    list(0, 59),
    list(0, 23),
    fc.oneof({ weight: 3, arbitrary: fc.constant("*") }, list(1, 28), fc.constant("L")),
    fc.oneof({ weight: 3, arbitrary: fc.constant("*") }, list(1, 12)),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant("*") },
      list(0, 6),
      fc.constantFrom("MON", "FRI#2", "5L", "+1"),
    ),
  )
  .map((fields) => fields.join(" "));

/** The offset of a zone in minutes. */
function offsetOf(format: Intl.DateTimeFormat, ms: number): number {
  const parts = Object.fromEntries(
    format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day, hour, minute } = parts;
  return Math.round((Date.UTC(year, month - 1, day, hour, minute) - ms) / 60_000);
}

const hourMs = 3_600_000;

const formatOf = (zone: string) =>
  new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    ...{ year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" },
    hourCycle: "h23",
  });

/** The changes of the clock of a zone from 2020 to 2035, to the minute. */
function changesOf(zone: string): number[] {
  const format = formatOf(zone);
  const changes: number[] = [];
  const [from, to] = [Date.UTC(2020, 0), Date.UTC(2035, 0)];
  for (let ms = from; ms < to; ms += 240 * hourMs) {
    let [low, high] = [ms, ms + 240 * hourMs];
    if (offsetOf(format, low) === offsetOf(format, high)) continue;
    while (high - low > 60_000) {
      const middle = low + Math.floor((high - low) / 120_000) * 60_000;
      if (offsetOf(format, middle) === offsetOf(format, low)) low = middle;
      else high = middle;
    }
    changes.push(high);
  }
  return changes;
}

test("also around each change of the clock, of each zone that has some", async () => {
  const changing = zones
    .map((zone) => ({ zone, changes: changesOf(zone) }))
    .filter(({ changes }) => changes.length > 0);
  expect(changing.length).toBeGreaterThan(100);
  const near = fc.constantFrom(...changing).chain(({ zone, changes }) =>
    fc.record({
      zone: fc.constant(zone),
      after: fc
        .tuple(fc.constantFrom(...changes), fc.integer({ min: -30 * 60, max: 120 }))
        .map(([change, minutes]) => new Date(change + minutes * 60_000)),
    }),
  );
  const early = fc
    .tuple(list(0, 59), fc.oneof(list(0, 5), list(0, 23)))
    .map((fields) => `${fields.join(" ")} * * *`);
  await fc.assert(
    fc.asyncProperty(early, near, async (cron, { zone, after }) => {
      expect([cron, zone, await fires(cron, zone, after, 12)]).toEqual([
        cron,
        zone,
        expected(cron, zone, after, 12),
      ]);
    }),
    { numRuns: Number(process.env["CRON_RUNS"] ?? 150) },
  );
}, 120_000);

test("the fires are those of croner, in all zones, over 15 years", async () => {
  await fc.assert(
    fc.asyncProperty(
      expression,
      fc.constantFrom(...zones),
      fc.date({ min: new Date("2020-01-01"), max: new Date("2035-01-01"), noInvalidDate: true }),
      async (cron, zone, date) => {
        const after = new Date(Math.floor(date.getTime() / 1000) * 1000);
        expect([cron, zone, await fires(cron, zone, after, 6)]).toEqual([
          cron,
          zone,
          expected(cron, zone, after, 6),
        ]);
      },
    ),
    { numRuns: Number(process.env["CRON_RUNS"] ?? 150) },
  );
}, 120_000);
