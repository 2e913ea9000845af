import { expect, test } from "bun:test";

import { connect } from "../../../src/db/connection/connect.ts";
import { nextTimes, startDue } from "../../../src/db/engine/starts.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { cancel, hold, newPool, postJobs, resume, take } from "../engine.ts";
import { scannedIn } from "../plans/scanned.ts";
import { brokenInvariants } from "../invariants.ts";

const soon = () => new Date(Date.now() + 3_600_000);
const arrive = ({ sql }: TestDatabase) =>
  sql`update pdoflow.posting set run_at = now() - interval '1 s' where run_at is not null`;

async function claimed({ db }: TestDatabase, pool: number): Promise<number[]> {
  return (await take(db, pool)).map(({ postingId }) => postingId);
}

test("P8: a posting that starts later is claimed once its time has come, and not before", async () => {
  await using db = await freshDatabase();
  const pool = await newPool(db.db);
  const later = await postJobs(db.db, 3, { runAt: soon(), priority: 9 });
  const past = await postJobs(db.db, 1, { runAt: new Date(0) });
  await startDue(db.db);
  expect(await claimed(db, pool)).toEqual([past]);
  expect(await claimed(db, pool)).toEqual([]);
  const { retryMs, startMs } = await nextTimes(db.db, [1]);
  expect(retryMs).toBeNull();
  expect(startMs).toBeWithin(3_500_000, 3_600_001);
  await arrive(db);
  expect((await nextTimes(db.db, [1])).startMs).toBeLessThan(0);
  await startDue(db.db);
  expect(await claimed(db, pool)).toEqual([later]);
  expect(await nextTimes(db.db, [1])).toEqual({ retryMs: null, startMs: null, anyWaits: false });
  expect(await brokenInvariants(db.db)).toEqual([]);
});

test("one that is paused before its time starts neither then nor when it is resumed before", async () => {
  await using db = await freshDatabase();
  const pool = await newPool(db.db);
  const id = await postJobs(db.db, 2, { runAt: soon() });
  await hold(db.db, id, "paused");
  await resume(db.db, id);
  expect(await claimed(db, pool)).toEqual([]);
  await hold(db.db, id, "paused");
  await arrive(db);
  await startDue(db.db);
  expect(await claimed(db, pool)).toEqual([]);
  expect(await brokenInvariants(db.db)).toEqual([]);
  await resume(db.db, id);
  expect(await claimed(db, pool)).toEqual([id]);
  expect(await brokenInvariants(db.db)).toEqual([]);
});

test("one that is cancelled before its time has ended, and never starts", async () => {
  await using db = await freshDatabase();
  const id = await postJobs(db.db, 2, { runAt: soon() });
  await cancel(db.db, id);
  await arrive(db);
  await startDue(db.db);
  const [row] = await db.sql`
    select state, cancelled, (select count(*) from pdoflow.lane) as lanes from pdoflow.posting`;
  expect(row).toEqual({ state: "cancelled", cancelled: 2, lanes: 0 });
  expect(await brokenInvariants(db.db)).toEqual([]);
});

test("waiting pools are notified once of all starting postings", async () => {
  await using db = await freshDatabase();
  await newPool(db.db);
  await db.sql`update pdoflow.pool set listens = true`;
  await postJobs(db.db, 1, { runAt: soon() });
  await postJobs(db.db, 1, { runAt: soon() });
  await arrive(db);
  const told: string[] = [];
  const heard = Promise.withResolvers<void>();
  const listening = await db.sql.listen("pdoflow.posted", (id) => {
    told.push(id);
    if (id === "end") heard.resolve();
  });
  await startDue(db.db);
  await db.sql`select pg_notify('pdoflow.posted', 'end')`;
  await heard.promise;
  await listening.unlisten();
  expect(told).toHaveLength(2);
});

test("a claim reads no delayed postings, however many, and starting a few does not read the rest", async () => {
  await using database = await freshDatabase();
  const { db } = database;
  const pool = await newPool(db);
  const id = await postJobs(db, 1, { runAt: soon() });
  await db.sql`
    with posted as (
      insert into pdoflow.posting (entry_point, job_count, route_id, run_at)
      select entry_point, 1, route_id, run_at + n * interval '1 s'
      from pdoflow.posting, generate_series(1, 20000) as n where id = ${id}
      returning id, route_id)
    insert into pdoflow.lane (posting_id, priority, first_seq, end_seq, route_id, state)
    select id, 9, 0, 1, route_id, 'paused' from posted`;
  await db.sql`update pdoflow.posting set run_at = now() where id = ${id}`;
  await db.sql`vacuum analyze`;
  // One whose reads of the last second, which the server counts in, are none.
  await using fresh = connect(db.target, { connections: 1 });
  const scanned = await fresh.sql.begin(async (sql) => {
    const tx = { ...fresh, sql: sql as unknown as typeof db.sql };
    expect(await take(tx, pool)).toEqual([]);
    await nextTimes(tx, [1]);
    await startDue(tx);
    expect(await take(tx, pool)).toMatchObject([{ postingId: id }]);
    return await scannedIn(tx);
  });
  expect(scanned).toEqual([]);
});

test.each(["tomorrow", "2026-01-01T02:00", "2026-13-01T00:00:00Z", "", 0, new Date(Number.NaN)])(
  "%p is no moment to start at",
  async (runAt) => {
    await using db = await freshDatabase();
    const error = await postJobs(db.db, 1, { runAt }).catch((error: unknown) => error);
    expect(error).toMatchObject({
      name: "InvalidInput",
      message: expect.stringContaining("runAt"),
    });
    const options = JSON.stringify({ runAt });
    const posted = db.sql`
      select pdoflow.begin_posting('a.ts#f', ${options}::text::jsonb)`.then(
      () => "posted",
      (error: Error) => error.message,
    );
    if (!(runAt instanceof Date)) expect(await posted).toContain("option runAt: expected a");
  },
);
