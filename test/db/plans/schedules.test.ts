// What schedules cost does not depend on their number, nor on the fires that are kept (rule 3).
import { afterAll, beforeAll, beforeEach, afterEach, expect, test } from "bun:test";

import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { texts } from "../../../src/db/connection/array.ts";
import { fireDue } from "../../../src/db/engine/starts.ts";
import { freshQueue } from "../engine.ts";

const schedules = 10_000;

let db: Db;
let tx: Db;
/** The poster of all schedules. */
let poster: string;
beforeAll(async () => {
  db = await freshQueue();
  const { sql } = db;
  await sql`
    select pdoflow.schedule('s' || n, 'every 1d', 'work.ts#main', '[1]')
    from generate_series(1, ${schedules}::integer) as n`;
  await sql`
    update pdoflow.schedule set nominal_at = nominal_at - id * interval '1 s',
                                fires_at = fires_at - id * interval '1 s'`;
  await sql`
    insert into pdoflow.fire (schedule_id, nominal_at, outcome)
    select id, now() - n * interval '1 day', 'skipped'
    from pdoflow.schedule, generate_series(1, 20) as n`;
  await sql`
    insert into pdoflow.fire (schedule_id, nominal_at, outcome)
    select 1, now() - n * interval '1 h', 'skipped' from generate_series(1, 399) as n
    on conflict do nothing`;
  await sql`vacuum analyze`;
  [{ poster } = { poster: "" }] = await sql<{ poster: string }[]>`
    select poster from pdoflow.schedule limit 1`;
});
afterAll(() => db[Symbol.asyncDispose]());

beforeEach(async () => {
  tx = connect(db.target, { connections: 1 });
  await tx.sql`begin`;
});
afterEach(() => tx.close());

/** How many rows of some tables were read in this transaction. */
async function rowsRead(...tables: string[]): Promise<number> {
  const [row] = await tx.sql<{ rows: number }[]>`
    select sum(seq_tup_read + idx_tup_fetch)::integer as rows from pg_stat_xact_user_tables
    where schemaname = 'pdoflow' and relname = any (${texts(tables)})`;
  return row?.rows ?? 0;
}

const dueMs = (posters: string[] | null) => tx.sql`
  select pdoflow.next_fire_ms(${posters && texts(posters)}::text[])`;
const fireFor = (posters: string[] | null) =>
  tx.sql`select pdoflow.fire_due(${posters && texts(posters)}::text[])`;

test.each([
  ["all posters", () => null],
  ["its posters", () => [poster]],
  ["posters without schedules", () => ["ada", "eve"]],
])("a heartbeat reads few of 10,000 schedules, for %s", async (_who, posters) => {
  for (let n = 0; n < 8; n++) {
    await dueMs(posters());
    await fireFor(posters());
  }
  expect(await rowsRead("schedule", "fire")).toBeLessThan(8 * 6);
});

test("a fire reads neither the schedules that are due with it nor the postings of others", async () => {
  await tx.sql`update pdoflow.schedule set nominal_at = now(), fires_at = now()`;
  const before = await rowsRead("schedule", "fire");
  for (let n = 0; n < 60; n++) expect(await fireDue(tx)).toBe(true);
  expect((await rowsRead("schedule", "fire")) - before).toBeLessThan(60 * 30 + 450);
  expect(await rowsRead("posting")).toBeLessThan(60 * 3);
});
