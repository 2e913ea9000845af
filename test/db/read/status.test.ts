import { expect, test } from "bun:test";

import { noJobs } from "../../../src/domain/states.ts";
import type { Db } from "../../../src/db/connection/connect.ts";
import { readJobPage } from "../../../src/db/read/jobs.ts";
import { readCounts, readPostingCounts } from "../../../src/db/read/status.ts";
import {
  cancel,
  queueOfFile,
  hold,
  jobsOf,
  leased,
  newPool,
  numberOf,
  postJobs,
  postSingles,
  putBack,
  record,
  recordEach,
  take,
  takeAll,
} from "../engine.ts";

const freshQueue = queueOfFile();

const countsOf = async (db: Db, id: number) => (await readCounts(db, [id])).get(id);

/** The status of each job of a posting, by its index. */
const statuses = async ({ sql }: Db, id: number) =>
  (
    await sql<{ status: string }[]>`
      select status from pdoflow.job_status where posting_id = ${id} order by index`
  ).map(({ status }) => status);

/** Both ways to ask have to say the same; returns the counts. */
async function agreed(db: Db, id: number) {
  const counts: Record<string, number> = { ...noJobs };
  for (const status of await statuses(db, id)) counts[status] = (counts[status] ?? 0) + 1;
  expect(await countsOf(db, id)).toEqual({ ...noJobs, ...counts });
  return counts;
}

test("waiting, running, retrying and ended jobs are shown, by the posting and by the job", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const id = await postJobs(db, 10);
  expect(await agreed(db, id)).toEqual({ ...noJobs, waiting: 10 });
  const jobs = jobsOf(await take(db, pool, { cap: 7 }));
  expect(await agreed(db, id)).toEqual({ ...noJobs, waiting: 3, running: 7 });
  const ends = ["done", "failed", "cancelled", "retried"] as const;
  await recordEach(
    db,
    pool,
    jobs,
    ends.map((state) => ({ state, delayMs: 60_000 })),
  );
  const some = { retrying: 1, done: 1, failed: 1, cancelled: 1 };
  expect(await agreed(db, id)).toEqual({ ...noJobs, ...some, waiting: 3, running: 3 });
  await putBack(db, pool, jobs, jobs.slice(6));
  expect(await agreed(db, id)).toEqual({ ...noJobs, ...some, waiting: 5, running: 1 });
  await hold(db, id);
  expect(await agreed(db, id)).toEqual({ ...noJobs, ...some, waiting: 5, running: 1 });
});

test("a retry that was claimed again runs", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const id = await postJobs(db, 2);
  await record(db, pool, jobsOf(await take(db, pool)), { state: "retried" });
  await take(db, pool, { cap: 1 });
  expect(await agreed(db, id)).toEqual({ ...noJobs, retrying: 1, running: 1 });
});

test("jobs of a cancelled posting are cancelled, except for running ones", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const id = await postJobs(db, 6);
  const jobs = jobsOf(await take(db, pool, { cap: 4 }));
  await recordEach(db, pool, jobs, [{}, { state: "retried" }]);
  await putBack(db, pool, jobs, jobs.slice(3));
  await cancel(db, id);
  expect(await agreed(db, id)).toEqual({ ...noJobs, done: 1, running: 1, cancelled: 4 });
});

test("P2: once a posting has ended its own totals are shown", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const id = await postJobs(db, 2);
  await recordEach(db, pool, jobsOf(await take(db, pool)), [{}, { state: "failed" }]);
  expect(await agreed(db, id)).toEqual({ ...noJobs, done: 1, failed: 1 });
  expect([...(await readPostingCounts(db, [id]))]).toMatchObject([
    { id, state: "finished", isEnded: true, ...noJobs, done: 1, failed: 1 },
  ]);
});

test("lanes that were taken whole run", async () => {
  await using db = await freshQueue();
  const [first = 0, second = 0] = await postSingles(db, 2);
  await take(db, await newPool(db), { cap: 1 });
  expect(await agreed(db, first)).toEqual({ ...noJobs, running: 1 });
  expect(await agreed(db, second)).toEqual({ ...noJobs, waiting: 1 });
});

test("J2: jobs are identified by the order in which they were posted", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const id = await postJobs(db, 4, { priorities: [0, 5, 0, 5] });
  await record(db, pool, jobsOf(await take(db, pool, { cap: 1 })));
  await take(db, pool, { cap: 1 });
  expect(await statuses(db, id)).toEqual(["waiting", "done", "waiting", "running"]);
  expect(await agreed(db, id)).toEqual({ ...noJobs, waiting: 2, running: 1, done: 1 });
});

test("the last outcome of a job is shown with its attempt, result and error", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  await postJobs(db, 1);
  await record(db, pool, jobsOf(await take(db, pool)), { state: "retried", error: '{"n": 1}' });
  const job = async () =>
    (await db.sql`select attempts, args, result, error from pdoflow.job_status`)[0];
  expect(await job()).toEqual({ attempts: 1, args: [0], result: null, error: { n: 1 } });
  await record(db, pool, jobsOf(await takeAll(db, pool)), { result: '["a_b"]' });
  expect(await job()).toEqual({ attempts: 2, args: [0], result: ["a_b"], error: null });
});

test("postings that do not exist are left out", async () => {
  await using db = await freshQueue();
  const id = await postJobs(db, 1);
  expect([...(await readCounts(db, [99, id, -1])).keys()]).toEqual([id]);
  expect((await readCounts(db, [])).size).toBe(0);
});

test("a job that is attempted again is shown with the pool that runs it now", async () => {
  await using db = await freshQueue();
  const { pool, id, jobs } = await leased(db, 2);
  await recordEach(db, pool, jobs, [{ state: "retried" }]); // the lease has another job
  const second = await newPool(db, "second");
  const [again] = await take(db, second);
  await db.sql`update pdoflow.pool set running = ${db.sql.json([
    { posting: id, seq: 0, attempt: 2, ms: 0 },
  ])}, heartbeat_at = '2038-01-01' where id = ${second}`;
  const whole = { status: null, host: null, poolId: null, argument: null, isSorted: false };
  const page = await readJobPage(db, { postingId: id, first: 0, size: 2, ...whole });
  expect([...page]).toMatchObject([
    { seq: 0, status: "running", poolId: await numberOf(db, second) },
    { seq: 1, status: "running", poolId: await numberOf(db, pool) },
  ]);
  expect(page[0]?.startedAt?.toISOString()).toStartWith("2038-01-01");
  const rows = await db.sql`
    select lease_id from pdoflow.job_status where posting_id = ${id} order by seq`;
  expect([...rows]).toEqual([{ leaseId: again?.leaseId }, { leaseId: jobs[0]?.leaseId }]);
});
