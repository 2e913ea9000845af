import { describe, expect, test } from "bun:test";

import { prune } from "../../../src/db/admin/prune.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { jobsOf, newPool, postJobs, record, take } from "../engine.ts";
import { brokenInvariants } from "../invariants.ts";
import { all } from "../admin/retention.ts";

const statesOf = async ({ sql }: TestDatabase) =>
  (await sql`select state from pdoflow.posting order by id`).map((row) => row["state"]);

const keyed = (db: TestDatabase, jobs: number, options = {}) =>
  postJobs(db.db, jobs, { jobKey: "mail", ...options });

describe("B1: of postings with the same job key only the newest waits", () => {
  test("a waiting posting is cancelled by the next one, regardless of its size, lanes and start time", async () => {
    await using db = await freshDatabase();
    await keyed(db, 1);
    await keyed(db, 4, { priorities: [1, 2, 1, 3] });
    await keyed(db, 2, { runAt: new Date(Date.now() + 3_600_000) });
    await keyed(db, 3);
    expect(await statesOf(db)).toEqual(["cancelled", "cancelled", "cancelled", "open"]);
    const rows = await db.sql`select cancelled, reason from pdoflow.posting order by id limit 2`;
    expect([...rows]).toEqual([
      { cancelled: 1, reason: "replaced by posting 2, which has the same job key" },
      { cancelled: 4, reason: "replaced by posting 3, which has the same job key" },
    ]);
    expect(jobsOf(await take(db.db, await newPool(db.db)))).toHaveLength(3);
    expect(await brokenInvariants(db.db)).toEqual([]);
  });

  test("a posting with a claimed job continues, and both run", async () => {
    await using db = await freshDatabase();
    const pool = await newPool(db.db);
    await keyed(db, 5);
    const first = jobsOf(await take(db.db, pool, { cap: 2 }));
    await keyed(db, 1);
    const rest = jobsOf(await take(db.db, pool));
    await record(db.db, pool, [...first, ...rest, ...jobsOf(await take(db.db, pool))]);
    expect(await statesOf(db)).toEqual(["finished", "finished"]);
    await keyed(db, 1);
    expect(await statesOf(db)).toEqual(["finished", "finished", "open"]);
    expect(await brokenInvariants(db.db)).toEqual([]);
  });

  test("other keys, other posters and postings without a key are left alone", async () => {
    await using db = await freshDatabase();
    await keyed(db, 1);
    await keyed(db, 1, { osUser: "bob" });
    await keyed(db, 1, { jobKey: "other" });
    await postJobs(db.db, 1);
    expect(await statesOf(db)).toEqual(["open", "open", "open", "open"]);
    const keys = await db.sql`select from pdoflow.job_key`;
    expect(keys).toHaveLength(3);
  });

  test("many concurrent posters and claims leave one waiting posting, and lose nothing", async () => {
    await using db = await freshDatabase();
    const pool = await newPool(db.db);
    const claimed: ReturnType<typeof jobsOf> = [];
    const claiming = async () => {
      for (let i = 0; i < 40; i++) claimed.push(...jobsOf(await take(db.db, pool)));
    };
    const posting = async () => {
      for (let i = 0; i < 20; i++) await keyed(db, 1 + (i % 3));
    };
    await Promise.all([claiming(), posting(), posting()]);
    const [row] = await db.sql`
      select count(*) filter (where state = 'open' and not exists (
               select from pdoflow.lease l where p.id = any (l.posting_ids)))::int as waiting,
             count(*) filter (where state = 'cancelled' and exists (
               select from pdoflow.lease l where p.id = any (l.posting_ids)))::int as both
      from pdoflow.posting p`;
    expect(row?.["waiting"]).toBeWithin(0, 2);
    expect(row?.["both"]).toBe(0);
    claimed.push(...jobsOf(await take(db.db, pool)));
    await record(db.db, pool, claimed);
    expect(new Set(await statesOf(db))).toEqual(new Set(["cancelled", "finished"]));
    expect(await brokenInvariants(db.db)).toEqual([]);
  });

  test("a key goes with its newest posting, and one that is rolled back has cancelled nothing", async () => {
    await using db = await freshDatabase();
    await keyed(db, 1);
    const failing = db.sql.begin(async (sql) => {
      await sql`select pdoflow.post('a.ts#f', '[[1]]'::jsonb, '{"jobKey": "mail", "osUser": "ada"}')`;
      throw new Error("back");
    });
    expect(await failing.catch((error: Error) => error.message)).toBe("back");
    expect(await statesOf(db)).toEqual(["open"]);
    await db.sql`select pdoflow.cancel_postings(array[1::bigint], true, 'no')`;
    await prune(db.db, all);
    expect(await db.sql`select from pdoflow.job_key`).toHaveLength(0);
    await keyed(db, 1);
    expect(await statesOf(db)).toEqual(["open"]);
  });
});
