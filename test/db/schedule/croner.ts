// The times of cron expressions by croner, an implementation by others, beside those of the database.
import { Cron } from "croner";
import * as fc from "fast-check";

import type { Db } from "../../../src/db/connection/connect.ts";

/** The first and the last moment of the comparison. */
const [fromMs, toMs] = [Date.UTC(2020, 0), Date.UTC(2035, 0)];

/**
 * The zones for which the server has the same data as this runtime, whose version may differ: they
 * agree in the middle of each month for 36 years, because a fire may be that far away.
 */
export async function commonZones({ sql }: Db): Promise<string[]> {
  const all = Intl.supportedValuesOf("timeZone");
  const moments = Array.from({ length: 12 * 36 }, (_, month) => Date.UTC(2020, month, 15));
  const rows = await sql<{ zone: string; offsets: number[] }[]>`
    select zone, json_agg((extract(epoch from (at at time zone zone) - (at at time zone 'UTC'))
                            / 60)::integer order by at) as offsets
    from jsonb_array_elements_text(${JSON.stringify(all)}::text::jsonb) as z (zone),
      (select to_timestamp(ms::bigint / 1000) as at
       from jsonb_array_elements_text(${JSON.stringify(moments)}::text::jsonb) as m (ms)) m
    where zone in (select name from pg_timezone_names)
    group by zone`;
  return rows.flatMap(({ zone, offsets }) => {
    const format = formatOf(zone);
    return moments.every((ms, i) => offsetOf(format, ms) === offsets[i]) ? [zone] : [];
  });
}

/** A cron expression, and the moment after which it is asked for its times. */
export interface CronCase {
  cron: string;
  zone: string;
  after: Date;
}

/** The next times of each case by the database, as ISO text. */
export async function timesByDatabase(
  { sql }: Db,
  cases: readonly CronCase[],
  count: number,
): Promise<string[][]> {
  const rows = await sql<{ times: string[] }[]>`
    with recursive one as (
      select place, pdoflow.parse_cron(c ->> 'cron') as cron, c ->> 'zone' as zone,
             (c ->> 'after')::timestamptz as after
      from jsonb_array_elements(${JSON.stringify(cases)}::text::jsonb) with ordinality as x (c, place)),
    fire (place, n, at) as (
      select place, 0, after from one
      union all
      select place, n + 1, pdoflow.next_cron(cron, zone, at)
      from fire join one using (place) where n < ${count} and at is not null)
    select json_agg(extract(epoch from at) * 1000 order by n) filter (where n > 0 and at is not null)
             as times
    from fire group by place order by place`;
  return rows.map(({ times }) => (times ?? []).map((ms) => new Date(Number(ms)).toISOString()));
}

/** The same by croner. */
export const timesByCroner = ({ cron, zone, after }: CronCase, count: number): string[] =>
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

/** Cron expressions of all kinds. */
export const expression = fc
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

/** Expressions that fire often in the early hours, when clocks change. */
export const earlyExpression = fc
  .tuple(list(0, 59), fc.oneof(list(0, 5), list(0, 23)))
  .map((fields) => `${fields.join(" ")} * * *`);

/** Moments to the second in the years of the comparison. */
export const anyMoment = fc
  .date({ min: new Date(fromMs), max: new Date(toMs), noInvalidDate: true })
  .map((date) => new Date(Math.floor(date.getTime() / 1000) * 1000));

/** Moments around one of `changes`. */
export const momentNear = (changes: readonly number[]) =>
  fc
    .tuple(fc.constantFrom(...changes), fc.integer({ min: -30 * 60, max: 120 }))
    .map(([change, minutes]) => new Date(change + minutes * 60_000));

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

/** The changes of the clock of a zone in these years, to the minute. */
export function changesOf(zone: string): number[] {
  const format = formatOf(zone);
  const changes: number[] = [];
  for (let ms = fromMs; ms < toMs; ms += 240 * hourMs) {
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
