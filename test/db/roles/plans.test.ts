// The reads of a pool and a poster do not grow with the backlog or with history under row-level
// security either (rule 3): counted as in plans.test.ts.
import { afterAll, beforeAll, expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { findStopped, postingsOverLimit } from "../../../src/db/engine/control.ts";
import { readJobFacts } from "../../../src/db/read/explain.ts";
import { readJobPage } from "../../../src/db/read/jobs.ts";
import { readRunnable } from "../../../src/db/engine/leases.ts";
import { nextTimes } from "../../../src/db/engine/starts.ts";
import { finishPostings } from "../../../src/db/engine/outcomes.ts";
import { sendHeartbeat } from "../../../src/db/engine/pools.ts";
import { rescuePools } from "../../../src/db/engine/rescue.ts";
import { readResults } from "../../../src/db/read/results.ts";
import { readCounts } from "../../../src/db/read/status.ts";
import {
  jobsOf,
  newPool,
  postJobs,
  putBack,
  readLines,
  record,
  recordPart,
  take,
} from "../engine.ts";
import { type Roles, trying, withRoles } from "./roles.ts";
import { scannedIn } from "../plans/scanned.ts";

let roles: Roles;
let ada: Db;
/** Ada's posting of 20,000 jobs, half of which have ended. */
let id: number;
/** Another one, of a few jobs. */
let few: number;

beforeAll(async () => {
  roles = await withRoles("ada", "pool", "ownPool");
  await roles.grant("ada", "poster");
  await roles.grant("pool", "pool");
  await roles.grant("ownPool", "pool", { posters: [roles.nameOf("ada")] });
  ada = await roles.as("ada");
  const { db } = roles;
  const ended = await postJobs(db, 20_000);
  const pool = await newPool(db);
  await record(db, pool, jobsOf(await take(db, pool)));
  await finishPostings(db, [ended]);
  await postMany(await postJobs(db, 1), 20_000);
  await db.sql`
    insert into pdoflow.lease (pool_id, active, lane_posting_id, lane_priority, lane_first_seq,
                               lane_end_seq, posting_ids, first_seqs, end_seqs, attempts)
    select 1, false, -n, 0, 0, 1, array[-n], '{0}', '{1}', '{1}'
    from generate_series(1, 50000) as n`;
  few = await postJobs(ada, 5);
  id = await postJobs(ada, 20_000, { priority: 1 });
  await record(db, pool, jobsOf(await take(db, pool, { cap: 10_000 })));
  // Of tables of a few rows there is nothing to save.
  await db.sql`
    insert into pdoflow.progress (posting_id) select -n from generate_series(1, 20000) as n`;
  await db.sql`
    insert into pdoflow.retry (posting_id, priority, route_id, first_seq, end_seq, attempt, due_at)
    select -n, 0, 1, 0, 1, 2, 'infinity' from generate_series(1, 20000) as n`;
  await db.sql`vacuum analyze`;
}, 60_000);

afterAll(() => roles[Symbol.asyncDispose]());

/** More postings like one of one job, in one statement. */
async function postMany(like: number, count: number) {
  const { sql } = roles.db;
  await sql`select pdoflow.open_span(${count})`;
  await sql`
    with posted as (
      insert into pdoflow.posting (entry_point, job_count, route_id)
      select entry_point, 1, route_id from pdoflow.posting, generate_series(1, ${count}::integer)
      where id = ${like} returning id, route_id),
    lanes as (
      insert into pdoflow.lane (posting_id, priority, first_seq, end_seq, route_id)
      select id, 0, 0, 1, route_id from posted)
    insert into pdoflow.job (posting_id, first_seq, end_seq, args)
  select id, 0, 1, '[]' from posted`;
}

/** The tables of which a large part was read by an act that was done eight times. */
const scanned = (db: Db, act: (db: Db) => Promise<unknown>) =>
  trying(db, async () => {
    for (let n = 0; n < 8; n++) await act(db);
    return await scannedIn(db);
  });

test.each(["pool", "ownPool"])("all that a pool does, by the role %s", async (role) => {
  const db = await roles.as(role);
  const pool = await newPool(db);
  const act = async () => {
    const ranges = await take(db, pool, { cap: 200 });
    expect(ranges).toMatchObject([{ postingId: id }]);
    const jobs = jobsOf(ranges);
    expect((await readLines(db, ranges)).flat()).toHaveLength(jobs.length);
    expect(await readRunnable(db, [id])).toHaveLength(1);
    await findStopped(db, [id]);
    await postingsOverLimit(db, [id]);
    await recordPart(db, pool, jobs.slice(0, 50));
    await putBack(db, pool, jobs.slice(50), jobs.slice(150));
    await record(db, pool, jobs.slice(150));
    await finishPostings(db, [id]);
    await nextTimes(db, [1, 2]);
    await sendHeartbeat(db, pool, []);
    await rescuePools(db);
  };
  expect(await scanned(db, act)).toEqual([]);
});

const page = { status: null, host: null, poolId: null, argument: null, isSorted: false };

test.each<[string, (db: Db) => PromiseLike<unknown>]>([
  ["counts", (db) => readCounts(db, [id])],
  ["results", (db) => readResults(db, { postingId: id, first: 500, size: 50, isSorted: false })],
  ["jobs", (db) => readJobPage(db, { ...page, postingId: id, first: 500, size: 50 })],
  ["status by SQL", (db) => db.sql`select * from pdoflow.status(${id})`],
  ["why a job waits", (db) => readJobFacts(db, id, 7)],
  ["a posting's jobs by SQL", (db) => db.sql`select * from pdoflow.jobs where posting_id = ${few}`],
  ["its outcomes", (db) => db.sql`select * from pdoflow.outcomes where posting_id = ${few}`],
  ["its failures", (db) => db.sql`select * from pdoflow.failures where posting_id = ${few}`],
])("what a poster looks at: %s", async (_, look) => {
  expect(await scanned(await roles.as("ada"), async (db) => await look(db))).toEqual([]);
});
