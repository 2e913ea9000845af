import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Db } from "../../../src/db/connection/connect.ts";

const sources = ["engine/schedule.sql", "engine/fire.sql", "api/schedule.sql"].map((file) =>
  readFileSync(join(import.meta.dir, "../../../sql", file), "utf8"),
);

/**
 * From now on the functions of schedules in this database read a clock that stands still: the
 * functions stay as they are, except that now() is read from a table. All else, such as heartbeats,
 * keeps the time of the server. Resolves with a function that sets the clock.
 */
export async function useTestClock({ sql }: Db, at: Date): Promise<(at: Date) => Promise<void>> {
  const names = sources.flatMap((text) =>
    [...text.matchAll(/^create function pdoflow\.(\w+)/gm)].map(([, name]) => name ?? ""),
  );
  await sql`create schema test_clock`;
  await sql`create table test_clock.reading (at timestamptz not null)`;
  await sql`insert into test_clock.reading values (${at.toISOString()}::timestamptz)`;
  await sql`
    create function test_clock.now() returns timestamptz stable language plpgsql as
    'begin return (select at from test_clock.reading); end'`;
  const changed = await sql<{ name: string; definition: string }[]>`
    select proname as name,
           regexp_replace(definition, '\\mnow[(][)]', 'test_clock.now()', 'g') as definition
    from pg_proc, pg_get_functiondef(oid) as definition
    where pronamespace = 'pdoflow'::regnamespace and definition ~ '\\mnow[(][)]'
      and proname in (select * from jsonb_array_elements_text(
        ${JSON.stringify(names)}::text::jsonb))`;
  for (const { definition } of changed) await sql.unsafe(definition);
  const found = changed.map(({ name }) => name);
  for (const name of ["new_schedule", "fire_due", "due_time", "next_fire_ms"]) {
    if (!found.includes(name)) throw new Error(`expected ${name} to read the clock`);
  }
  return async (at) => {
    await sql`update test_clock.reading set at = ${at.toISOString()}::timestamptz`;
  };
}
