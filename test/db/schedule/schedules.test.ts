// Schedules (H1 to H3). Instead of waiting, these tests move the times of a schedule into the past.
import { describe, expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { backfillSchedule } from "../../../src/db/posting/schedules.ts";
import { readScheduleOverview } from "../../../src/db/read/schedules.ts";
import { jobsOf, names, newPool, queueOfFile, record, refusal, takeAll } from "../engine.ts";
import { openTransaction, untilBlocked } from "../locks.ts";

const freshQueue = queueOfFile();

const add = ({ sql }: Db, timing: string, settings: object = {}, name = "nightly") => sql`
  select pdoflow.schedule(${name}, ${timing}, 'work.ts#main', '[1]', '{}',
                          ${sql.json(settings as never)})`;

/** As if this much time had passed since. */
const pass = ({ sql }: Db, time: string) => sql`
  with past as (update pdoflow.fire set nominal_at = nominal_at - ${time}::interval),
  keys as (update pdoflow.posting_key set key = key || ', earlier')
  update pdoflow.schedule
  set created_at = created_at - ${time}::interval, nominal_at = nominal_at - ${time}::interval,
      fires_at = fires_at - ${time}::interval`;

const fire = async ({ sql }: Db) =>
  (await sql<{ due: number }[]>`select pdoflow.fire_due()::integer as due`)[0]?.due;

const fires = async ({ sql }: Db) => [
  ...(await sql<{ outcome: string; postingId: number | null; reason: string | null }[]>`
    select outcome, posting_id, reason from pdoflow.fires order by nominal_at`),
];

async function take<T>(all: AsyncIterable<T>, most: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const one of all) {
    taken.push(one);
    if (taken.length === most) break;
  }
  return taken;
}

const postings = async ({ sql }: Db) =>
  (await sql<{ id: number }[]>`select id from pdoflow.posting order by id`).map(({ id }) => id);

describe("a schedule", () => {
  test("H2: posts once for each of its times, and then waits for the next", async () => {
    await using db = await freshQueue();
    await add(db, "every 10m");
    expect(await fire(db)).toBe(0);
    await pass(db, "10 min");
    expect(await fire(db)).toBe(1);
    expect(await fire(db)).toBe(0);
    expect(await fires(db)).toMatchObject([{ outcome: "posted", postingId: 1 }]);
    const pool = await newPool(db);
    expect(names(await takeAll(db, pool))).toEqual(["1/0"]);
  });

  test("H2, row 28: fires once, however many pools see it at the same moment", async () => {
    await using db = await freshQueue();
    await add(db, "every 10m");
    await pass(db, "10 min");
    await using other = await openTransaction(db);
    expect(await fire(other)).toBe(1);
    expect(await fire(db)).toBe(0);
    await other.sql`commit`;
    expect(await fire(db)).toBe(0);
    expect(await postings(db)).toEqual([1]);
  });
});

describe("row 27: a schedule that is deleted while it fires", () => {
  test("waits for the fire, whose posting goes on", async () => {
    await using db = await freshQueue();
    await add(db, "every 10m");
    await pass(db, "10 min");
    await using pool = await openTransaction(db);
    expect(await fire(pool)).toBe(1);
    const deleted = Promise.resolve(db.sql`select pdoflow.delete_schedule('nightly')`);
    await untilBlocked(pool);
    await pool.sql`commit`;
    await deleted;
    expect(await db.sql`select from pdoflow.schedule`).toHaveLength(0);
    expect(await db.sql`select from pdoflow.fire`).toHaveLength(0);
    expect(names(await takeAll(db, await newPool(db)))).toEqual(["1/0"]);
  });

  test("does not fire if it is deleted first", async () => {
    await using db = await freshQueue();
    await add(db, "every 10m");
    await pass(db, "10 min");
    await using operator = await openTransaction(db);
    await operator.sql`select pdoflow.delete_schedule('nightly')`;
    expect(await fire(db)).toBe(0);
    await operator.sql`commit`;
    expect(await fire(db)).toBe(0);
    expect(await db.sql`select from pdoflow.fire`).toHaveLength(0);
    expect(await postings(db)).toEqual([]);
  });
});

describe("times that were missed", () => {
  test("last: of those of a day, the last one", async () => {
    await using db = await freshQueue();
    await add(db, "every 10m");
    await pass(db, "5 h");
    await fire(db);
    expect(await postings(db)).toEqual([1]);
    expect(await fires(db)).toMatchObject([
      { outcome: "missed", reason: "no pool fired it in time" },
      { outcome: "posted" },
    ]);
    expect(await fire(db)).toBe(0);
  });

  test("H5: all are counted in one row, and backfill takes the ones away that it makes up for", async () => {
    await using db = await freshQueue();
    await add(db, "every 10s");
    await pass(db, "85 s");
    await fire(db);
    const rows = () => db.sql<
      { outcome: string; times: number; at: string; lastAt: string | null }[]
    >`
      select outcome, times, (f.nominal_at - s.created_at)::text as at,
             (f.last_at - s.created_at)::text as last_at
      from pdoflow.fire f join pdoflow.schedule s on s.id = schedule_id order by f.nominal_at`;
    const posted = (at: string) => ({ outcome: "posted", times: 1, at, lastAt: null });
    const run = (times: number, at: string) => ({
      outcome: "missed",
      times,
      at,
      lastAt: "00:01:10",
    });
    expect([...(await rows())]).toEqual([run(7, "00:00:10"), posted("00:01:20")]);
    expect([...(await readScheduleOverview(db, 9))]).toMatchObject([{ missed: 7 }]);
    const backfill = async (second: number) => {
      const [row] = await db.sql<{ at: string }[]>`
        select (created_at + ${second} * interval '1 s')::text as at from pdoflow.schedule`;
      await take(backfillSchedule(db, "nightly", { from: row?.at ?? "", to: row?.at ?? "" }), 1);
    };
    await backfill(20);
    await backfill(10);
    await backfill(10);
    expect([...(await rows())]).toEqual([
      ...[posted("00:00:10"), posted("00:00:20"), run(5, "00:00:30"), posted("00:01:20")],
    ]);
  });

  test.each([
    ["every 10s", 3_155_760],
    ["* * * * *", 101],
  ])("H5: those of a year of %s cost no more than a few", async (timing, times) => {
    await using db = await freshQueue();
    await add(db, timing);
    await db.sql`
      update pdoflow.schedule set nominal_at = nominal_at - interval '8766 h',
        fires_at = fires_at - interval '8766 h', created_at = created_at - interval '8766 h'`;
    await fire(db);
    const [row] = await db.sql<{ times: number }[]>`
      select times from pdoflow.fire where outcome = 'missed'`;
    expect(row?.times).toBeWithin(times - 3, times + 1);
  });

  test("last: none of those of the day before", async () => {
    await using db = await freshQueue();
    await add(db, "every 2d");
    await pass(db, "3 d");
    await fire(db);
    expect(await postings(db)).toEqual([]);
    expect(await fires(db)).toMatchObject([{ outcome: "missed" }]);
  });

  test("last: of a prune also that, because a queue may be without a pool for days", async () => {
    await using db = await freshQueue();
    await db.sql`select pdoflow.schedule_prune('prune', 'every 7d', '{"olderThanMs": 0}')`;
    await pass(db, "30 d");
    const due = () => db.sql`select nominal_at from pdoflow.pool_prune_due()`;
    expect(await due()).toHaveLength(1);
    expect(await due()).toHaveLength(0);
    expect(await fires(db)).toMatchObject([{ outcome: "missed" }, { outcome: "started" }]);
  });

  test("none", async () => {
    await using db = await freshQueue();
    await add(db, "every 1h", { missed: "none" });
    await pass(db, "90 min");
    await fire(db);
    expect(await postings(db)).toEqual([]);
    expect(await fires(db)).toMatchObject([{ outcome: "missed" }]);
  });

  test("all, one after the other", async () => {
    await using db = await freshQueue();
    await add(db, "every 1h", { missed: "all", overlap: "allow" });
    await pass(db, "210 min");
    while (await fire(db));
    expect(await postings(db)).toEqual([1, 2, 3]);
  });

  test("all, but at most the last 100", async () => {
    await using db = await freshQueue();
    await add(db, "every 1h", { missed: "all", overlap: "allow" });
    await pass(db, "103 h");
    while (await fire(db));
    const [missed, ...others] = await fires(db);
    const reason = "no more than the last 100 missed times are made up for";
    expect(missed).toMatchObject({ outcome: "missed", reason });
    expect([others.length, others[0]?.postingId, others.at(-1)?.postingId]).toEqual([100, 1, 100]);
    expect(await db.sql`select times from pdoflow.fire where outcome = 'missed'`).toMatchObject([
      { times: 3 },
    ]);
  });

  test.each([
    ["* * * * *", "3 h", "2026-10-25T03:00:00Z"],
    ["*/7 1-3 * * *", "12 d", "2026-10-26T03:00:00Z"],
    ["30 2 * * *", "70 d", "2026-06-01T00:00:00Z"],
    ["0 6 * * 5#2", "600 d", "2026-12-31T00:00:00Z"],
    ["every 7h", "12 d", "2026-03-30T00:00:00Z"],
  ])("the Nth last time of %s in %s to %s is found as forwards", async (timing, back, to) => {
    await using db = await freshQueue();
    await add(db, timing, { zone: "Europe/Berlin" });
    const [row] = await db.sql<{ found: unknown[]; expected: unknown[] }[]>`
      with recursive one as (select s from pdoflow.schedule s),
      forwards (at) as (
        select pdoflow.next_time(s, ${to}::timestamptz - ${back}::interval) from one
        union all
        select next.at from forwards, one cross join lateral (
          select pdoflow.next_time(s, forwards.at) as at) next
        where next.at <= ${to}::timestamptz),
      ends (first, last) as (select min(at), max(at) from forwards),
      counts (n) as (values (1), (2), (3), (9), (1000))
      select json_agg(pdoflow.nth_last_time(s, first, last, n) order by n) as found,
        json_agg(coalesce(
          (select at from forwards order by at desc offset n - 1 limit 1), first)
          order by n) as expected
      from ends, counts, one`;
    expect(row?.found).toEqual(row?.expected);
    expect(new Set(row?.found).size).toBe(5);
  });
});

describe("a posting that has not ended at the next time", () => {
  async function twice(db: Db, overlap: string) {
    await add(db, "every 10m", { overlap });
    await pass(db, "10 min");
    await fire(db);
    await pass(db, "10 min");
    await fire(db);
  }

  test("skip: the time is noted", async () => {
    await using db = await freshQueue();
    await twice(db, "skip");
    expect(await postings(db)).toEqual([1]);
    expect(await fires(db)).toMatchObject([
      { outcome: "posted" },
      { outcome: "skipped", reason: "posting 1 has not ended" },
    ]);
  });

  test("allow", async () => {
    await using db = await freshQueue();
    await twice(db, "allow");
    expect(names(await takeAll(db, await newPool(db)))).toEqual(["1/0", "2/0"]);
  });

  test("queue: the next one waits for it, and there is only one of these", async () => {
    await using db = await freshQueue();
    await twice(db, "queue");
    await pass(db, "10 min");
    await fire(db);
    expect(await postings(db)).toEqual([1, 2]);
    const pool = await newPool(db);
    const jobs = jobsOf(await takeAll(db, pool));
    expect(jobs.map(({ postingId }) => postingId)).toEqual([1]);
    await record(db, pool, jobs);
    await db.sql`select pdoflow.pool_settle(array[1], 0)`;
    expect(names(await takeAll(db, pool))).toEqual(["2/0"]);
    expect((await fires(db)).at(-1)).toMatchObject({ outcome: "skipped" });
  });

  test("cancel: the earlier one is cancelled", async () => {
    await using db = await freshQueue();
    await twice(db, "cancel");
    expect(await db.sql`select id, state from pdoflow.posting order by id`).toMatchObject([
      { id: 1, state: "cancelled" },
      { id: 2, state: "open" },
    ]);
  });
});

test("H3: the jitter is the same each time, and ends before the next time", async () => {
  await using db = await freshQueue();
  await add(db, "every 10m", { jitterMs: 86_400_000 });
  const [row] = await db.sql<{ gap: number; same: boolean }[]>`
    select extract(epoch from fires_at - nominal_at)::float8 as gap,
           fires_at = pdoflow.with_jitter(s, nominal_at) as same
    from pdoflow.schedule s`;
  expect(row?.same).toBe(true);
  expect(row?.gap).toBeWithin(0, 600);
});

test("what a poster may not do, or cannot mean, is refused", async () => {
  await using db = await freshQueue();
  expect(await refusal(add(db, "61 * * * *"))).toContain('minutes from 0 to 59, found "61"');
  expect(await refusal(add(db, "* * * *"))).toContain("five fields");
  expect(await refusal(add(db, "every 5s"))).toContain("at least every 10s");
  expect(await refusal(add(db, "@daily", { zone: "Berlin" }))).toContain("Europe/Berlin");
  expect(await refusal(add(db, "@daily", { overlap: "no" }))).toContain("skip, queue");
  expect(await refusal(add(db, "@daily", { colour: "red" }))).toContain("unknown setting");
  expect(await refusal(add(db, "0 0 30 2 *"))).toContain("which never does");
  expect(await refusal(add(db, "@daily", { until: "2020-01-01T00:00Z" }))).toContain("an end");
  expect(await refusal(add(db, "@daily", {}, "last"))).toContain("selector of postings");
  const jobs = (text: string) => db.sql`select pdoflow.schedule('j', '@daily', 'a.ts#f', ${text})`;
  expect(await refusal(jobs("not json"))).toContain("a line of JSON for each job");
  expect(await refusal(jobs("[1]\n\n[2]"))).toContain("a line of JSON for each job");
  expect(await refusal(jobs("[1]\n2"))).toContain("job 1: expected a list of arguments");
  expect(await refusal(jobs(""))).toContain("expected at least one job, found none");
  expect(await refusal(db.sql`select pdoflow.run_schedule('no')`)).toContain("no schedule");
  expect(await db.sql`select from pdoflow.schedule`).toHaveLength(0);
});

test("a fire that is refused is noted, and the next one tries again", async () => {
  await using db = await freshQueue();
  await db.sql`select pdoflow.schedule('bad', 'every 10m', 'work.ts#main', '[1]')`;
  await db.sql`update pdoflow.schedule set jobs = '1'`;
  await pass(db, "10 min");
  await fire(db);
  expect(await fires(db)).toMatchObject([{ outcome: "refused", reason: expect.any(String) }]);
  await db.sql`update pdoflow.schedule set jobs = '[1]'`;
  await pass(db, "10 min");
  await fire(db);
  expect((await fires(db)).at(-1)).toMatchObject({ outcome: "posted" });
});

test("run fires now and uses up no time; backfill makes up for past ones", async () => {
  await using db = await freshQueue();
  await add(db, "0 * * * *", { overlap: "allow" });
  const [before] = await db.sql`select nominal_at from pdoflow.schedule`;
  expect((await db.sql`select * from pdoflow.run_schedule('nightly')`)[0]).toMatchObject({
    ...{ postingId: 1, flowId: null, outcome: "posted", reason: null },
  });
  expect((await db.sql`select nominal_at from pdoflow.schedule`)[0]).toEqual(before);
  const period = { from: "2026-01-01T00:00Z", to: "2026-01-01T03:30Z" };
  const first = await take(backfillSchedule(db, "nightly", period), 2);
  expect(first.map(({ postingId }) => postingId)).toEqual([2, 3]);
  const rest = await take(backfillSchedule(db, "nightly", period), 9);
  expect(rest.map(({ outcome, postingId }) => `${outcome} ${postingId}`)).toEqual([
    ...["kept 2", "kept 3", "posted 4", "posted 5"],
  ]);
});

test.each(["skip", "queue", "cancel"])(
  "--overlap %s does not apply by hand, and the next time disregards postings by hand",
  async (overlap) => {
    await using db = await freshQueue();
    await add(db, "0 * * * *", { overlap });
    await db.sql`update pdoflow.schedule set nominal_at = now(), fires_at = now()`;
    await fire(db);
    const period = { from: "2026-01-01T00:00Z", to: "2026-01-01T03:30Z" };
    const times = await take(backfillSchedule(db, "nightly", period), 9);
    expect(times.map(({ outcome }) => outcome)).toEqual(Array(4).fill("posted"));
    expect(await db.sql`select outcome from pdoflow.run_schedule('nightly')`).toEqual([
      { outcome: "posted" },
    ] as never);
    expect(
      await db.sql`select state, waits, count(*)::integer, count(distinct xmin::text)::integer as commits
                   from pdoflow.posting group by 1, 2`,
    ).toEqual([{ state: "open", waits: false, count: 6, commits: 6 }] as never);
    expect(await db.sql`select posting_id from pdoflow.schedule`).toEqual([
      { postingId: 1 },
    ] as never);
  },
);

test("backfill keeps a time that has posted, although its fire is not kept any more", async () => {
  await using db = await freshQueue();
  await add(db, "0 * * * *");
  const period = { from: "2026-01-01T00:00Z", to: "2026-01-01T01:00Z" };
  await take(backfillSchedule(db, "nightly", period), 9);
  await db.sql`
    insert into pdoflow.fire (schedule_id, nominal_at, outcome)
    select id, now() - n * interval '1 min', 'skipped' from pdoflow.schedule,
           generate_series(1, 400) n`;
  await db.sql`select pdoflow.run_schedule('nightly')`;
  const again = await take(backfillSchedule(db, "nightly", period), 9);
  expect(again.map(({ outcome, postingId }) => `${outcome} ${postingId}`)).toEqual([
    ...["kept 1", "kept 2"],
  ]);
});

test("a count or a period that makes no sense is refused", async () => {
  await using db = await freshQueue();
  await add(db, "@daily");
  for (const count of [-3, 0, 1001, null]) {
    expect(await refusal(db.sql`select pdoflow.next_times('@daily', 'UTC', ${count})`)).toContain(
      `expected a count of 1 to 1000 times, found ${count}`,
    );
  }
  expect(await db.sql`select from pdoflow.next_times('@daily', 'UTC', 1000)`).toHaveLength(1000);
  const period = { from: "2026-01-02T00:00Z", to: "2026-01-01T00:00Z" };
  expect(await refusal(take(backfillSchedule(db, "nightly", period), 9))).toContain(
    "expected a first moment before the last one",
  );
});

test("the text of its jobs may end with a line feed", async () => {
  await using db = await freshQueue();
  await db.sql`select pdoflow.schedule('n', 'every 10m', 'work.ts#main', e'[1]\\n[2]\\n')`;
  expect(await db.sql`select outcome from pdoflow.run_schedule('n')`).toEqual([
    { outcome: "posted" },
  ] as never);
});

test("schedule_obstacle of a name that no schedule has", async () => {
  await using db = await freshQueue();
  expect((await db.sql`select pdoflow.schedule_obstacle('nosuch') as why`)[0]).toEqual({
    why: "there is no schedule named nosuch",
  });
});

test("a paused schedule does not fire, and a resumed one only at later times", async () => {
  await using db = await freshQueue();
  await add(db, "every 10m");
  await db.sql`select pdoflow.pause_schedule('nightly', true)`;
  await pass(db, "1 h");
  expect(await fire(db)).toBe(0);
  await db.sql`select pdoflow.pause_schedule('nightly', false)`;
  expect(await fire(db)).toBe(0);
  expect(await fires(db)).toEqual([]);
});
