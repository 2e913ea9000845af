import { expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { retryFailed } from "../../../src/db/engine/control.ts";
import { finishPostings } from "../../../src/db/engine/outcomes.ts";
import { readCounts } from "../../../src/db/read/status.ts";
import {
  cancel,
  hold,
  jobsOf,
  newPool,
  postJobs,
  putBack,
  queueOfFile,
  record,
  recordEach,
  recordPart,
  refusal,
  resume,
  take,
} from "../engine.ts";
import { commit, openTransaction, untilBlocked } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();
const all = { indices: null, fingerprint: null };
const error = (line: number, name = "RangeError") =>
  JSON.stringify({
    name,
    message: `${line} is too far`,
    stack: `x\n    at f (/a/fn.ts:${line}:7)`,
  });

/** Posts jobs, and has those with these indices fail for good; the others are done. */
async function withFailures(db: Db, count: number, failed: readonly number[]) {
  const [pool, id] = [await newPool(db), await postJobs(db, count)];
  const jobs = jobsOf(await take(db, pool));
  await recordPart(
    db,
    pool,
    jobs.filter(({ seq }) => failed.includes(seq)),
    {
      state: "failed",
      error: error(3),
    },
  );
  await record(
    db,
    pool,
    jobs.filter(({ seq }) => !failed.includes(seq)),
  );
  await finishPostings(db, [id]);
  return { pool, id };
}

const counts = async (db: Db, id: number) => (await readCounts(db, [id])).get(id);
const stateOf = async ({ sql }: Db, id: number) =>
  (
    await sql<{ state: string; isEnded: boolean }[]>`
      select state, ended_at is not null as is_ended from pdoflow.posting where id = ${id}`
  )[0];

test("U2: failed jobs get one more attempt, and the newest attempt counts", async () => {
  await using db = await freshQueue();
  const { pool, id } = await withFailures(db, 5, [1, 2, 4]);
  expect(await stateOf(db, id)).toEqual({ state: "finished", isEnded: true });
  expect(await retryFailed(db, id, all)).toBe(3);
  expect(await stateOf(db, id)).toEqual({ state: "open", isEnded: false }); // P2
  expect(await counts(db, id)).toMatchObject({ done: 2, failed: 0, retrying: 3 });
  const jobs = jobsOf(await take(db, pool));
  expect(jobs.map(({ seq, attempt }) => [seq, attempt])).toEqual([
    [1, 2],
    [2, 2],
    [4, 2],
  ]);
  expect(await counts(db, id)).toMatchObject({ done: 2, running: 3 });
  await recordEach(db, pool, jobs, [{ state: "done" }, { state: "failed" }, { state: "done" }]);
  await finishPostings(db, [id]);
  expect(await counts(db, id)).toMatchObject({ done: 4, failed: 1 });
  expect(await stateOf(db, id)).toEqual({ state: "finished", isEnded: true });
  const rows = await db.sql<{ status: string }[]>`
    select status, attempts from pdoflow.job_status where posting_id = ${id} order by seq`;
  expect(rows.map(({ status }) => status)).toEqual(["done", "done", "failed", "done", "done"]);
  expect(await retryFailed(db, id, all)).toBe(1);
  expect(jobsOf(await take(db, pool))).toMatchObject([{ seq: 2, attempt: 3 }]);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("only jobs that are named, by their index, or whose failures look the same", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const id = await postJobs(db, 6, { priorities: [0, 1, 0, 1, 0, 1] });
  const jobs = jobsOf([...(await take(db, pool)), ...(await take(db, pool))]);
  await recordEach(
    db,
    pool,
    jobs,
    [3, 3, 4, 4, 4, 4].map((line) => ({ state: "failed" as const, error: error(line) })),
  );
  const [row] = await db.sql<{ print: string }[]>`
    select pdoflow.fingerprint(error) as print from pdoflow.outcome
    where posting_id = ${id} and seq = 0`;
  const indices = (first: number, last = first) => ({
    indices: [{ first, last }],
    fingerprint: null,
  });
  expect(await retryFailed(db, id, indices(1))).toBe(1); // seq 0: priority 1 comes first
  expect(await retryFailed(db, id, indices(1))).toBe(0); // it waits already
  expect(await retryFailed(db, id, indices(7, 9))).toBe(0);
  const print = { indices: null, fingerprint: row?.print.slice(0, 4) ?? "" };
  expect(await retryFailed(db, id, print)).toBe(1);
  expect(await retryFailed(db, id, indices(0, 2))).toBe(2);
  expect(await retryFailed(db, id, all)).toBe(2);
  const retries = await db.sql<{ firstSeq: number; endSeq: number }[]>`
    select first_seq, end_seq from pdoflow.retry order by first_seq`;
  expect(retries.map(({ firstSeq, endSeq }) => endSeq - firstSeq)).toEqual([1, 1, 1, 2, 1]);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("jobs that failed side by side wait in one row, but not across lanes", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const id = await postJobs(db, 100, { priorities: Array.from({ length: 100 }, (_, n) => n % 2) });
  const jobs = jobsOf([...(await take(db, pool)), ...(await take(db, pool))]);
  await record(db, pool, jobs, { state: "failed", error: error(3) });
  expect(await retryFailed(db, id, all)).toBe(100);
  const rows = await db.sql`select from pdoflow.retry where end_seq - first_seq = 50`;
  expect(rows.length).toBe(2);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("Y2: of a posting that is stopped they wait until it is resumed", async () => {
  await using db = await freshQueue();
  const [pool, id] = [await newPool(db), await postJobs(db, 3)];
  const jobs = jobsOf(await take(db, pool, { cap: 2 }));
  await record(db, pool, jobs, { state: "failed" });
  await hold(db, id, "errored_out");
  expect(await retryFailed(db, id, all)).toBe(2);
  expect(await stateOf(db, id)).toEqual({ state: "errored_out", isEnded: false });
  expect(await take(db, pool)).toEqual([]);
  expect(await brokenInvariants(db)).toEqual([]);
  await resume(db, id);
  expect(jobsOf([...(await take(db, pool)), ...(await take(db, pool))])).toHaveLength(3);
});

test("cancelling many retries by hand calls no function for each and adds no row for each", async () => {
  await using db = await freshQueue();
  const even = Array.from({ length: 300 }, (_, index) => 2 * index);
  const { id } = await withFailures(db, 600, even);
  expect(await retryFailed(db, id, all)).toBe(300);
  await using alone = await openTransaction(db);
  await alone.sql`set local track_functions = 'all'`;
  await cancel(alone, id);
  const [cost] = await alone.sql<{ calls: number; groups: number; failed: number }[]>`
    select (select sum(calls)::integer from pg_stat_xact_user_functions) as calls,
           (select count(*)::integer from pdoflow.failure where jobs > 0) as groups,
           (select failed from pdoflow.posting) as failed`;
  expect(cost?.calls).toBeWithin(1, 60);
  expect(cost).toMatchObject({ groups: 2, failed: 300 }); // as they failed, and as they count again
});

test("U2: if a retry by hand is cancelled before its attempt, the failure counts", async () => {
  await using db = await freshQueue();
  const { pool, id } = await withFailures(db, 4, [0, 1, 2]);
  await retryFailed(db, id, all);
  const [first] = jobsOf(await take(db, pool, { cap: 1 }));
  await cancel(db, id);
  expect(await counts(db, id)).toMatchObject({ done: 1, failed: 2, running: 1, cancelled: 0 });
  await putBack(db, pool, first ? [first] : []);
  await finishPostings(db, [id]);
  expect(await counts(db, id)).toMatchObject({ done: 1, failed: 3, cancelled: 0 });
  expect(await retryFailed(db, id, all)).toBeNull(); // cancelled is for good
  expect(await refusal(retryFailed(db, 99, all))).toContain("there is no posting 99");
  expect(await brokenInvariants(db)).toEqual([]);
});

test("two concurrent retries of the same jobs retry them once", async () => {
  await using db = await freshQueue();
  const { id } = await withFailures(db, 3, [0, 1, 2]);
  await using first = await openTransaction(db);
  expect(await retryFailed(first, id, all)).toBe(3);
  const second = retryFailed(db, id, all);
  await untilBlocked(db);
  await commit(first);
  expect(await second).toBe(0);
  expect(await brokenInvariants(db)).toEqual([]);
});

test.each([
  [{ name: "E", message: "a 1", stack: "E: a 1\n    at f (/x/fn.ts:3:7)" }, true],
  [
    { name: "E", message: "b", stack: "E: b\n    at async g (/y/z/fn.ts:3:9)\n  at h (k.ts:1:1)" },
    true,
  ],
  [{ name: "E", message: "a 1", stack: "E: a 1\n    at f (/x/fn.ts:4:7)" }, false],
  [{ name: "F", message: "a 1", stack: "F: a 1\n    at f (/x/fn.ts:3:7)" }, false],
])("failures look the same by their error and place: %p: %p", async (other, isSame) => {
  await using db = await freshQueue();
  const one = { name: "E", message: "a 1", stack: "E: a 1\n    at f (/x/fn.ts:3:7)" };
  const [row] = await db.sql<{ same: boolean }[]>`
    select pdoflow.fingerprint(${JSON.stringify(one)}::text::jsonb)
         = pdoflow.fingerprint(${JSON.stringify(other)}::text::jsonb) as same`;
  expect(row?.same).toBe(isSame);
});

test("failures without a place look the same by their message, whatever its numbers", async () => {
  await using db = await freshQueue();
  const prints = await db.sql<{ print: string }[]>`
    select distinct pdoflow.fingerprint(jsonb_build_object('name', 'Timeout', 'message', m)) as print
    from unnest(array['after 5 ms', 'after 712 ms', 'killed']) as m`;
  expect(prints).toHaveLength(2);
});

test("retrying many failures makes one fingerprint for all errors that differ only in numbers", async () => {
  await using db = await freshQueue();
  const { id } = await withFailures(
    db,
    600,
    Array.from({ length: 300 }, (_, index) => 2 * index),
  );
  const [print] = await db.sql<{ fingerprint: string }[]>`select fingerprint from pdoflow.failure`;
  await using alone = await openTransaction(db);
  await alone.sql`set local track_functions = 'all'`;
  expect(await retryFailed(alone, id, { indices: null, fingerprint: "0" })).toBe(0);
  expect(
    await retryFailed(alone, id, { indices: null, fingerprint: print?.fingerprint ?? null }),
  ).toBe(300);
  const [cost] = await alone.sql<{ calls: number }[]>`
    select sum(calls)::integer as calls from pg_stat_xact_user_functions
    where funcname = 'fingerprint'`;
  expect(cost?.calls).toBeWithin(1, 3);
  expect(await brokenInvariants(alone)).toEqual([]);
});
