// Schedules that post a flow (H4).
import { expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { backfillSchedule } from "../../../src/db/posting/schedules.ts";
import { jobsOf, names, newPool, queueOfFile, record, refusal, takeAll } from "../engine.ts";

const freshQueue = queueOfFile();

const stages = [
  { stage: "reduce", run: "r.ts#main", jobs: '["a"]\n["b"]', options: { maxAttempts: 2 } },
  { stage: "each", run: "e.ts#main", jobs: { over: "reduce", with: [0.5] } },
  { stage: "check", run: "c.ts#main", options: { after: [{ stage: "reduce", kind: "any" }] } },
  { stage: "sum", run: "s.ts#main", jobs: [[1]], options: { gather: "each" } },
];

const add = ({ sql }: Db, flow: object = {}, settings: object = {}) => sql`
  select pdoflow.schedule_flow('nightly', '0 * * * *',
    ${JSON.stringify({ name: "night", spec: { stages: [] }, stages, ...flow })}::text::json,
    '{"osUser": "ada"}', ${sql.json(settings as never)})`;

/** Fires one more time of the day. */
async function fire(db: Db, hour: number) {
  const at = `2026-01-01T${String(hour).padStart(2, "0")}:00Z`;
  for await (const time of backfillSchedule(db, "nightly", { from: at, to: at })) return time;
  return null;
}

const edges = ({ sql }: Db) =>
  sql`select p.stage, e.kind, u.stage as upstream, u.flow_id from pdoflow.edge e
      join pdoflow.posting p on p.id = e.posting_id join pdoflow.posting u on u.id = e.upstream_id
      order by p.id, u.id`;

test("H4: a fire posts all stages with their edges, in one transaction, for its time", async () => {
  await using db = await freshQueue();
  await add(db);
  expect(await db.sql`select from pdoflow.posting union all select from pdoflow.flow`).toEqual(
    [] as never,
  );
  expect(await fire(db, 1)).toMatchObject({ outcome: "posted", flowId: 2, postingId: null });
  const rows = await db.sql`
    select stage, name, flow_id, job_count, max_attempts, schedule, scheduled_at, xmin::text
    from pdoflow.posting order by id`;
  const place = { flowId: 2, schedule: "nightly", scheduledAt: new Date("2026-01-01T01:00Z") };
  expect(rows).toMatchObject([
    { stage: "reduce", name: "night.reduce", jobCount: 2, maxAttempts: 2, ...place },
    { stage: "each", jobCount: 2, ...place },
    { stage: "check", jobCount: 1, ...place },
    { stage: "sum", jobCount: 1, ...place },
  ]);
  expect(new Set(rows.map(({ xmin }) => String(xmin))).size).toBe(1);
  expect(await edges(db)).toMatchObject([
    { stage: "each", kind: "over", upstream: "reduce" },
    { stage: "check", kind: "any", upstream: "reduce" },
    { stage: "sum", kind: "after", upstream: "each" },
  ]);
  expect(await fire(db, 1)).toMatchObject({ outcome: "kept", flowId: 2 });
  expect(await db.sql`select name, key, poster_os from pdoflow.flow`).toMatchObject([
    { name: "night", key: expect.stringContaining("2026-01-01T01:00:00"), posterOs: "ada" },
  ]);
});

test("--overlap skip looks at all stages of the last flow", async () => {
  await using db = await freshQueue();
  await add(db, { stages: stages.slice(0, 1).concat(stages[2] ?? []) });
  const first = await fireDue(db);
  const pool = await newPool(db);
  await record(db, pool, jobsOf(await takeAll(db, pool)));
  const skipped = `flow ${first?.flowId} has not ended`;
  expect(await fireDue(db)).toMatchObject({ outcome: "skipped", reason: skipped });
  await db.sql`select pdoflow.cancel(array_agg(id)) from pdoflow.posting where ended_at is null`;
  expect(await fireDue(db)).toMatchObject({ outcome: "posted" });
});

/** Makes the schedule due, and fires it as a pool does. */
async function fireDue({ sql }: Db) {
  await sql`
    update pdoflow.schedule
    set nominal_at = now() - interval '1 s', fires_at = now() - interval '1 s'`;
  await sql`select pdoflow.fire_due()`;
  const [fire] = await sql<{ outcome: string; reason: string | null; flowId: number | null }[]>`
    select * from pdoflow.fires order by fired_at desc limit 1`;
  return fire;
}

test("--overlap queue: the first stages wait for the flow before; one flow waits", async () => {
  await using db = await freshQueue();
  await add(db, { stages: stages.slice(0, 1) }, { overlap: "queue" });
  await fireDue(db);
  await fireDue(db);
  expect(await fireDue(db)).toMatchObject({ outcome: "skipped" });
  const pool = await newPool(db);
  expect(names(await takeAll(db, pool))).toEqual(["2/0", "2/1"]);
  expect(await edges(db)).toMatchObject([{ stage: "reduce", kind: "any", upstream: "reduce" }]);
});

test("--overlap cancel: all stages of the flow before are cancelled", async () => {
  await using db = await freshQueue();
  await add(db, {}, { overlap: "cancel" });
  await fireDue(db);
  await fireDue(db);
  expect(
    await db.sql`select flow_id, count(*)::integer, min(reason) as reason from pdoflow.posting
                 where state = 'cancelled' group by flow_id`,
  ).toMatchObject([{ flowId: 2, count: 4, reason: "replaced by flow 3 of its schedule" }]);
});

test.each(["queue", "cancel"])(
  "--overlap %s does not apply to flows that are posted by hand",
  async (overlap) => {
    await using db = await freshQueue();
    await add(db, {}, { overlap });
    await fireDue(db);
    for (const hour of [1, 2, 3]) {
      expect(await fire(db, hour)).toMatchObject({ outcome: "posted" });
    }
    const counts = await db.sql`
      select state, count(*)::integer, count(*) filter (where not waits)::integer as begin
      from pdoflow.posting group by 1`;
    expect([...counts]).toEqual([{ state: "open", count: 16, begin: 4 }]);
    await db.sql`delete from pdoflow.fire`; // only the last 400 are kept
    expect(await fire(db, 2)).toMatchObject({ outcome: "kept", flowId: 4 });
  },
);

test("the faults of a flow are found when it is added, with the stage", async () => {
  await using db = await freshQueue();
  const refused = (...wrong: object[]) => refusal(add(db, { stages: wrong }));
  const [reduce] = stages;
  expect(await refused()).toContain("1 to 1000 stages");
  expect(await refused({ run: "r.ts#main" })).toContain("option stage");
  expect(await refused({ stage: "a", run: "r.ts" })).toContain("expected path/to/file.ts#name");
  expect(await refused({ stage: "a", run: "r.ts#f", jobs: { over: "b" } })).toContain("found 'b'");
  expect(await refused({ stage: "a", run: "r.ts#f", options: { key: "k" } })).toContain(
    "option key: the stage a of a schedule",
  );
  const after = [{ posting: 1 }];
  expect(await refused({ ...reduce, options: { after } })).toContain("found none");
  expect(await refusal(add(db, { name: "1" }))).toContain("a letter first");
  expect(await refusal(add(db, { spec: "x".repeat(1_100_000) }))).toContain("up to 1 MiB");
  expect(await db.sql`select from pdoflow.schedule`).toHaveLength(0);
});
