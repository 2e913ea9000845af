import { describe, expect, test } from "bun:test";

import { noJobs } from "../../../src/domain/states.ts";
import { readCounts } from "../../../src/db/read/status.ts";
import {
  cancel,
  queueOfFile,
  hold,
  jobsOf,
  names,
  newPool,
  postJobs,
  putBack,
  record,
  recordPart,
  resume,
  take,
  takeAll,
} from "../engine.ts";
import { commit, openTransaction, until, untilBlocked } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

describe.each(["paused", "errored_out"] as const)("%s", (state) => {
  test("N3: nothing of the posting is claimed until it is resumed", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const id = await postJobs(db, 4, { priorities: [1, 1, 0, 0] });
    await take(db, pool, { cap: 1 });
    await hold(db, id, state);
    expect(await brokenInvariants(db)).toEqual([]);
    expect(await takeAll(db, pool)).toEqual([]);
    await resume(db, id);
    expect(names(await takeAll(db, pool))).toEqual([`${id}/1`, `${id}/2`, `${id}/3`]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("Y2: nor its retries, whenever they were due", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const id = await postJobs(db, 3);
    const jobs = jobsOf(await take(db, pool));
    await recordPart(db, pool, jobs.slice(0, 1), { state: "retried" });
    await recordPart(db, pool, jobs.slice(1, 2), { state: "retried", delayMs: 1_000_000 });
    await putBack(db, pool, jobs);
    await hold(db, id, state);
    expect(await brokenInvariants(db)).toEqual([]);
    expect(await takeAll(db, pool)).toEqual([]);
    await resume(db, id);
    expect(names(await takeAll(db, pool))).toHaveLength(3);
  });

  test("running jobs are recorded, and the posting may end by that", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const id = await postJobs(db, 2);
    const jobs = jobsOf(await take(db, pool));
    await hold(db, id, state);
    expect(await record(db, pool, jobs)).toBe(0);
    expect([...(await db.sql`select state, done from pdoflow.posting`)]).toEqual([
      { state: "finished", done: 2 },
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("its state and its reason are shown, and are gone when it is resumed", async () => {
    await using db = await freshQueue();
    const id = await postJobs(db, 2);
    const posting = async () => (await db.sql`select state, reason from pdoflow.posting`)[0];
    await hold(db, id, state);
    expect(await posting()).toEqual({ state, reason: "why" });
    await resume(db, id);
    expect(await posting()).toEqual({ state: "open", reason: null });
  });

  test("it can be cancelled", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const id = await postJobs(db, 4);
    await putBack(db, pool, await take(db, pool, { cap: 1 }));
    await hold(db, id, state);
    await cancel(db, id);
    expect(await readCounts(db, [id])).toEqual(new Map([[id, { ...noJobs, cancelled: 4 }]]));
    expect(await brokenInvariants(db)).toEqual([]);
  });
});

describe("holding", () => {
  test("returns the postings it stopped: none that is paused, cancelled or unknown", async () => {
    await using db = await freshQueue();
    const [open, paused, cancelled] = [
      await postJobs(db, 1),
      await postJobs(db, 1),
      await postJobs(db, 1),
    ];
    await hold(db, paused);
    await cancel(db, cancelled);
    const [row] = await db.sql`
      select pdoflow.pause_postings(array[1, 2, 3, 99]::bigint[], 'paused', 'why')::text as held,
             pdoflow.resume(array[3, 99]::bigint[])::text as resumed`;
    expect(row).toEqual({ held: `{${open}}`, resumed: "{}" });
  });

  test("a claim that was first keeps its jobs", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const id = await postJobs(db, 6);
    await putBack(db, pool, await take(db, pool, { cap: 4 }));
    await using claiming = await openTransaction(db);
    const retries = await take(claiming, pool, { cap: 1 });
    const pausing = hold(db, id);
    await untilBlocked(db);
    await commit(claiming);
    await pausing;
    expect(await record(db, pool, jobsOf(retries))).toBe(0);
    expect(await takeAll(db, pool)).toEqual([]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("a claim that comes while it happens waits, and takes nothing", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const id = await postJobs(db, 6);
    await using pausing = await openTransaction(db);
    await hold(pausing, id);
    const claiming = take(db, pool);
    await untilBlocked(db);
    await commit(pausing);
    expect(await claiming).toEqual([]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("a job that is released meanwhile waits as long as the others", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const id = await postJobs(db, 6);
    const jobs = await take(db, pool);
    await using giving = await openTransaction(db);
    await putBack(giving, pool, jobs);
    const pausing = hold(db, id);
    await untilBlocked(db);
    await commit(giving);
    await pausing;
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("a posting that is being cancelled is not paused", async () => {
    await using db = await freshQueue();
    const id = await postJobs(db, 2);
    await using cancelling = await openTransaction(db);
    await cancel(cancelling, id);
    const pausing = hold(db, id);
    await untilBlocked(db);
    await commit(cancelling);
    expect(await pausing).toEqual([]);
    expect([...(await db.sql`select state from pdoflow.posting`)]).toEqual([
      { state: "cancelled" },
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("pools are notified of it, and woken by resuming", async () => {
    await using db = await freshQueue();
    const told: string[] = [];
    const id = await postJobs(db, 1);
    await db.sql.listen("pdoflow.changed", (posting) => told.push(`changed ${posting}`));
    await db.sql.listen("pdoflow.posted", (posting) => told.push(`posted ${posting}`));
    await hold(db, id);
    await resume(db, id);
    await until("both are notified", () => told.length === 2);
    expect(told).toEqual([`changed ${id}`, `posted ${id}`]);
  });
});
