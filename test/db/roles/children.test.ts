// The rights of pools that post on behalf of jobs (C1).
import { afterAll, beforeEach, expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { draftChild } from "../../../src/db/engine/children.ts";
import { foldProgress, recordRuns, runOf } from "../../../src/db/engine/outcomes.ts";
import {
  jobsOf,
  type LeasedJob,
  newPool,
  nth,
  outcome,
  postJobs,
  refusal,
  take,
} from "../engine.ts";
import { type Roles, withRoles } from "./roles.ts";

let roles: Roles;
/** Posts, with at most three open postings. */
let ada: Db;
/** Posts, and runs pools for her own jobs. */
let eve: Db;
/** Runs the jobs of all. */
let pool: Db;
let poolId: number;

beforeEach(async () => {
  await roles?.[Symbol.asyncDispose]();
  roles = await withRoles("ada", "eve", "pool");
  await roles.grant("ada", "poster", { maxOpen: 3, maxArgumentBytes: 100 });
  await roles.grant("eve", "poster");
  await roles.grant("eve", "pool", { posters: [] });
  await roles.grant("pool", "pool");
  [ada, eve, pool] = [await roles.as("ada"), await roles.as("eve"), await roles.as("pool")];
  poolId = await newPool(pool);
});

afterAll(() => roles[Symbol.asyncDispose]());

const call = { number: 0, entryPoint: "child.ts#main", options: "{}", jobs: "[1]" };

/** A job of this poster that the pool has leased. */
async function running(poster: Db): Promise<LeasedJob> {
  await postJobs(poster, 1);
  return nth(jobsOf(await take(pool, poolId)), 0);
}

const done = (job: LeasedJob, drafts: number[]) =>
  recordRuns(pool, poolId, [runOf(outcome(job), performance.now())], [job.leaseId], drafts);

test("the poster of a child is that of the parent, not the pool", async () => {
  const job = await running(ada);
  const child = await draftChild(pool, poolId, job, call);
  await done(job, [child]);
  const [row] = await roles.db.sql`
    select r.poster, r.poster_os from pdoflow.posting p join pdoflow.route r on r.id = p.route_id
    where p.id = ${child}`;
  expect(row).toEqual({ poster: roles.nameOf("ada"), posterOs: "ada" });
  expect(await ada.sql`select from pdoflow.child`).toHaveLength(1);
  expect(await eve.sql`select from pdoflow.child`).toHaveLength(0);
});

test("a pool posts only for jobs that it has leased", async () => {
  const job = await running(ada);
  const evesPool = await newPool(eve);
  expect(await refusal(draftChild(eve, evesPool, job, call))).toContain("has no lease of this job");
  expect(await refusal(draftChild(eve, poolId, job, call))).toContain(
    "this is no pool of the role",
  );
  for (const forged of [
    { ...job, seq: job.seq + 1 },
    { ...job, attempt: job.attempt + 1 },
    { ...job, postingId: job.postingId + 1 },
    { ...job, leaseId: job.leaseId + 1 },
  ]) {
    expect(await refusal(draftChild(pool, poolId, forged, call))).toContain("has no lease of this");
  }
  await done(job, []);
  expect(await refusal(draftChild(pool, poolId, job, call))).toContain("has no lease of this job");
});

test("a pool cannot decide the drafts of another one before their attempts have ended", async () => {
  const job = await running(ada);
  const child = await draftChild(pool, poolId, job, call);
  const evesPool = await newPool(eve);
  await postJobs(eve, 1);
  const [own] = jobsOf(await take(eve, evesPool));
  const run = runOf(outcome(own ?? job), performance.now());
  await recordRuns(eve, evesPool, [run], [run.leaseId], [child]);
  await foldProgress(eve);
  const [row] = await roles.db.sql`select draft is not null as is_draft from pdoflow.child`;
  expect(row).toEqual({ isDraft: true });
});

test("drafts count for the limit of open postings, and their arguments for that of their size", async () => {
  const job = await running(ada);
  const ids = [await draftChild(pool, poolId, job, call)];
  ids.push(await draftChild(pool, poolId, job, { ...call, number: 1 }));
  expect(await refusal(draftChild(pool, poolId, job, { ...call, number: 2 }))).toContain(
    `the role ${roles.nameOf("ada")} has reached its limit of 3 open postings`,
  );
  expect(await refusal(postJobs(ada, 1))).toContain("limit of 3 open postings");
  await done(job, ids);
  const large = JSON.stringify(["x".repeat(200)]);
  const [next] = jobsOf(await take(pool, poolId));
  expect(await refusal(draftChild(pool, poolId, next ?? job, { ...call, jobs: large }))).toContain(
    "more than 100 bytes",
  );
});

test("a poster who may not post any more does not post through jobs either", async () => {
  const job = await running(eve);
  await roles.db.sql`
    delete from pdoflow.grantee where kind = 'poster'
      and role = ${roles.nameOf("eve")}::regrole`;
  expect(await refusal(draftChild(pool, poolId, job, call))).toContain("may not post any more");
});

test("nobody but pools can call it", async () => {
  const job = await running(ada);
  expect(await refusal(draftChild(ada, poolId, job, call))).toContain("permission denied");
});
