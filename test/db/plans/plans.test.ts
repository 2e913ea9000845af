// The reads of the engine do not grow with the backlog or with history (rule 3). The server counts
// them, in the transaction, so all statements inside of functions count, with their real plans.
import { afterAll, beforeAll, expect, test } from "bun:test";

import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { findStopped, retryFailed } from "../../../src/db/engine/control.ts";
import { readRunnable } from "../../../src/db/engine/leases.ts";
import { readUpstream } from "../../../src/db/engine/upstream.ts";
import { nextTimes } from "../../../src/db/engine/starts.ts";
import { finishPostings, finishStragglers, foldProgress } from "../../../src/db/engine/outcomes.ts";
import { readJobResult } from "../../../src/db/dashboard/jobs.ts";
import { readResults } from "../../../src/db/read/results.ts";
import { findPicked } from "../../../src/db/read/selection.ts";
import { readPostings } from "../../../src/db/read/snapshot.ts";
import { readCounts } from "../../../src/db/read/status.ts";
import {
  allRoutes,
  cancel,
  freshQueue,
  hold,
  jobsOf,
  newPool,
  postJobs,
  putBack,
  readLines,
  record,
  recordPart,
  rescue,
  resume,
  silence,
  take,
} from "../engine.ts";
import { scannedIn } from "./scanned.ts";
import { eachJob } from "../each-job.ts";

let db: Db;
/** A posting of 20,000 jobs, which come next in line. */
let large: number;
/** 10,000 postings of one job each: the first. They come after it. */
let small: number;
/** A posting of 20,000 jobs of high priority, all of which wait for a retry that is not due. */
let failing: number;

beforeAll(async () => {
  db = await freshQueue();
  await history();
  large = await postJobs(db, 20_000, { priority: 1, perBlock: 5 });
  for (const priority of [-1, -2, -3]) await postJobs(db, 20_000, { priority, perBlock: 20 });
  small = await postJobs(db, 1);
  await postLike(small, 10_000);
  failing = await postJobs(db, 20_000, { priority: 9, perBlock: 5 });
  await db.sql`update pdoflow.lane set state = 'closed' where posting_id = ${failing}`;
  await db.sql`
    insert into pdoflow.retry (posting_id, priority, route_id, first_seq, end_seq, attempt, due_at)
    select posting_id, 9, 1, seq, seq + 1, 2, now() + interval '1 hour'
    from ${db.sql.unsafe(eachJob)} where posting_id = ${failing}`;
  await db.sql`
    insert into pdoflow.progress (posting_id) select -n from generate_series(1, 20000) as n`;
  await db.sql`vacuum analyze`;
});

afterAll(() => db[Symbol.asyncDispose]());

/** 100,000 jobs that ended, half of them in one posting and half one by one; 200,000 leases. */
async function history() {
  await postJobs(db, 50_000);
  await postLike(await postJobs(db, 1), 50_000);
  await db.sql`
    insert into pdoflow.lease (pool_id, active, lane_posting_id, lane_priority, lane_first_seq,
                               lane_end_seq, posting_ids, first_seqs, end_seqs, attempts)
    select 1, false, -n, 0, 0, 1, array[-n], '{0}', '{1}', '{1}'
    from generate_series(1, 200000) as n`;
  await db.sql`update pdoflow.lane set state = 'closed', closed_by = 1`;
  await db.sql`
    insert into pdoflow.outcome_run (posting_id, attempt, first_seq, end_seq, lease_id, state,
                                     ended_at, offsets_ms, durations_us, worker_pids)
    select posting_id, 1, seq, seq + 1, 1, 'done', now(), '{0}', '{1}', '{1}' from ${db.sql.unsafe(eachJob)}`;
  await db.sql`update pdoflow.posting set state = 'finished', ended_at = now(), done = job_count`;
}

/** More postings of one job, in one statement. */
async function postLike(id: number, count: number) {
  await db.sql`select pdoflow.open_span(${count})`;
  await db.sql`
  with posted as (
    insert into pdoflow.posting (entry_point, job_count, route_id)
    select entry_point, 1, route_id
    from pdoflow.posting, generate_series(2, ${count}::integer) where id = ${id}
    returning id, route_id),
  lanes as (
    insert into pdoflow.lane (posting_id, priority, first_seq, end_seq, route_id)
    select id, 0, 0, 1, route_id from posted)
  insert into pdoflow.job (posting_id, first_seq, end_seq, args)
  select id, 0, 1, '[]' from posted`;
}

/** Does something in a transaction that is rolled back, as a new pool. */
async function trying<T>(act: (tx: Db, pool: number) => PromiseLike<T>): Promise<T> {
  const tx = connect(db.target, { connections: 1 });
  try {
    await tx.sql`begin`;
    return await act(tx, await newPool(tx));
  } finally {
    await tx.sql`rollback`;
    await tx.close();
  }
}

/** The same, of something that is done often enough for its prepared plans to settle. */
const scanned = (act: (tx: Db, pool: number) => PromiseLike<unknown>) =>
  trying(async (tx, pool) => {
    for (let n = 0; n < 8; n++) await act(tx, pool);
    return await scannedIn(tx);
  });

/** How many rows of a table were fetched in this transaction. */
const fetched = async ({ sql }: Db, table: string) =>
  (
    await sql<{ rows: number }[]>`
      select (seq_tup_read + idx_tup_fetch) as rows from pg_stat_xact_user_tables
      where schemaname = 'pdoflow' and relname = ${table}`
  )[0]?.rows ?? 0;

const dueNow = ({ sql }: Db) => sql`
  update pdoflow.retry set due_at = now() where posting_id = ${failing} and first_seq < 500`;

test("claiming and reading a range of a lane", async () => {
  const act = async (tx: Db, pool: number) => {
    const ranges = await take(tx, pool, { cap: 100 });
    expect(ranges).toMatchObject([{ postingId: large }]);
    expect((await readLines(tx, ranges)).flat()).toHaveLength(100);
    await readRunnable(tx, [large]);
  };
  expect(await scanned(act)).toEqual([]);
});

test("claiming the oldest lane", async () => {
  expect(await scanned((tx, pool) => take(tx, pool, { cap: 100, oldest: true }))).toEqual([]);
});

test("claiming many lanes whole, and ending them", async () => {
  const act = async (tx: Db, pool: number) => {
    await tx.sql`update pdoflow.lane set state = 'paused' where posting_id = ${large}`;
    const jobs = jobsOf(await take(tx, pool, { cap: 100 }));
    expect(jobs).toHaveLength(100);
    await record(tx, pool, jobs);
  };
  expect(await scanned(act)).toEqual([]);
});

test("claiming retries, and retrying them", async () => {
  const act = async (tx: Db, pool: number) => {
    await dueNow(tx);
    const jobs = jobsOf(await take(tx, pool, { cap: 50 }));
    expect(jobs).toHaveLength(50);
    await record(tx, pool, jobs, { state: "retried", delayMs: 1_000_000 });
  };
  expect(await scanned(act)).toEqual([]);
});

test("recording and finishing", async () => {
  const act = async (tx: Db, pool: number) => {
    const jobs = jobsOf(await take(tx, pool, { cap: 200 }));
    for (let n = 0; n < 60; n++) await recordPart(tx, pool, jobs.slice(n, n + 1));
    await record(tx, pool, jobs.slice(60));
    await finishPostings(tx, [large]);
  };
  expect(await scanned(act)).toEqual([]);
});

test("folding, and ending stragglers, which reads all open postings", async () => {
  const act = async (tx: Db) => {
    await foldProgress(tx);
    await finishStragglers(tx);
  };
  expect((await scanned(act)).filter((name) => !/progress|posting/.test(name))).toEqual([]);
});

test("gathering pages of results", async () => {
  const act = async (tx: Db, poolId: number) => {
    const postingId = await postJobs(tx, 1, { gather: 1, priority: 99 });
    expect(await take(tx, poolId, { cap: 1 })).toMatchObject([{ postingId }]);
    for (const first of [0, 20_000, 49_990]) {
      const { states } = await readUpstream(tx, { poolId, postingId, seq: 0 }, first);
      expect(states).toMatch(/^d{10,}$/);
    }
  };
  expect(await scanned(act)).toEqual([]);
});

test("releasing a range", async () => {
  const act = async (tx: Db, pool: number) => {
    const jobs = jobsOf(await take(tx, pool, { cap: 200 }));
    await recordPart(tx, pool, jobs.slice(0, 100));
    await putBack(tx, pool, jobs, jobs.slice(150));
  };
  expect(await scanned(act)).toEqual([]);
});

test("releasing lanes that were taken whole", async () => {
  const act = async (tx: Db, pool: number) => {
    await tx.sql`update pdoflow.lane set state = 'paused' where posting_id = ${large}`;
    await putBack(tx, pool, await take(tx, pool, { cap: 100 }));
  };
  expect(await scanned(act)).toEqual([]);
});

test("rescuing a pool", async () => {
  const act = async (tx: Db) => {
    const lost = await newPool(tx);
    const [job] = jobsOf(await take(tx, lost, { cap: 200 }));
    const running = [{ posting: job?.postingId, seq: job?.seq, attempt: 1 }];
    await tx.sql`update pdoflow.pool set running = ${tx.sql.json(running)} where id = ${lost}`;
    await silence(tx, lost);
    expect(await rescue(tx)).toHaveLength(1);
  };
  expect(await scanned(act)).toEqual([]);
});

test("holding, resuming and cancelling", async () => {
  const act = async (tx: Db) => {
    await hold(tx, large);
    await findStopped(tx, [large, small]);
    await resume(tx, large);
    await cancel(tx, small);
  };
  expect(await scanned(act)).toEqual([]);
});

test("asking for totals, postings, jobs and results", async () => {
  const act = async (tx: Db, pool: number) => {
    await take(tx, pool, { cap: 100 });
    await readCounts(tx, [1, large, small]);
    await readPostings(tx, 20);
    await nextTimes(tx, [1]);
    await readResults(tx, { postingId: large, first: 100, size: 50, isSorted: false });
    await readJobResult(tx, { postingId: failing, seq: 7 });
  };
  expect(await scanned(act)).toEqual([]);
});

test("retrying failed jobs by hand, and reading them", async () => {
  const act = async (tx: Db) => {
    await tx.sql`
      insert into pdoflow.outcome_run (posting_id, attempt, first_seq, end_seq, lease_id, state,
                                       ended_at, offsets_ms, durations_us, worker_pids)
      select ${large}, 1, seq, seq + 1, 1, 'failed', now(), '{0}', '{1}', '{1}'
      from generate_series(100, 120) as seq
      on conflict do nothing`;
    await tx.sql`select * from pdoflow.failed_jobs(${large}, 0, 20000)`;
    await retryFailed(tx, large, { indices: [{ first: 105, last: 110 }], fingerprint: null });
    await retryFailed(tx, large, { indices: null, fingerprint: null });
    await findPicked(tx, { by: "last", count: 3 });
    await findPicked(tx, { by: "name", name: "night" });
  };
  expect(await scanned(act)).toEqual([]);
});

test("lanes that a pool may not serve cost it nothing", async () => {
  await trying(async (tx, pool) => {
    await tx.sql`insert into pdoflow.route (poster, poster_os) values ('eve', 'eve')`;
    await tx.sql`update pdoflow.lane set route_id = 2, priority = 99 where posting_id > ${small}`;
    const before = await fetched(tx, "lane");
    expect(await take(tx, pool, { routes: [1], cap: 10 })).toMatchObject([{ postingId: large }]);
    expect((await fetched(tx, "lane")) - before).toBeLessThan(20);
  });
});

test("nor do the lanes behind the claimed one, whether it is the best or the oldest", async () => {
  for (const oldest of [false, true]) {
    await trying(async (tx, pool) => {
      expect(await take(tx, pool, { oldest, cap: 10 })).toHaveLength(1);
      expect(await fetched(tx, "lane")).toBeLessThan(20);
    });
  }
});

test("retries that are not due yet cost a claim nothing", async () => {
  await trying(async (tx, pool) => {
    expect(await take(tx, pool, { cap: 10 })).toMatchObject([{ postingId: large }]);
    expect(await fetched(tx, "retry")).toBeLessThan(20);
  });
});

test.each([
  { before: "vacuum analyze", after: "analyze" },
  { before: "vacuum analyze", after: "" },
  { before: "", after: "" },
  { before: "vacuum analyze", after: "vacuum pdoflow.retry" }, // its columns have no statistics
])("many retries at once are not read by a pool that saw none ($before, $after)", async (done) => {
  await using fresh = await freshQueue();
  const pool = await newPool(fresh);
  await postJobs(fresh, 1_000);
  await fresh.sql.unsafe(done.before);
  await using alone = connect(fresh.target, { connections: 1 });
  const routes = await allRoutes(fresh);
  for (let n = 0; n < 8; n++) {
    await take(alone, pool, { cap: 1 });
    await nextTimes(alone, routes);
  }
  await fresh.sql`
    insert into pdoflow.retry (posting_id, priority, route_id, first_seq, end_seq, attempt, due_at)
    select 2, 9, 1, n, n + 1, 2, now() + interval '1 hour' from generate_series(1, 5000) as n`;
  await fresh.sql.unsafe(done.after);
  await alone.sql`begin`;
  await take(alone, pool, { cap: 1 });
  await nextTimes(alone, routes);
  expect(await fetched(alone, "retry")).toBeLessThan(100);
});

test("the status of one job costs the same however many retry", async () => {
  await trying(async (tx) => {
    await tx.sql`delete from pdoflow.retry where posting_id = ${failing} and first_seq = 19999`;
    const before = await fetched(tx, "retry");
    await tx.sql`select * from pdoflow.jobs_between(${failing}, 19999, 20000, true)`;
    expect((await fetched(tx, "retry")) - before).toBeLessThan(100);
  });
});
