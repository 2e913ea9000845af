// Short functions for the stories of these tests. Every function that runs jobs stands for a pool:
// it claims, records and releases as src/pool does, in one line.
import { afterAll } from "bun:test";

import { connect, type Db } from "../../src/db/connection/connect.ts";
import { cancelPostings, pausePostings, resumePostings } from "../../src/db/engine/control.ts";
import { release } from "../../src/db/engine/release.ts";
import { readArguments } from "../../src/db/engine/job-arguments.ts";
import { type Claim, claim, type LeasedRange, type Range } from "../../src/db/engine/leases.ts";
import { readRoutes } from "../../src/db/engine/routes.ts";
import { type Outcome, recordRuns, runOf } from "../../src/db/engine/outcomes.ts";
import { registerPool } from "../../src/db/engine/pools.ts";
import { insertPosting, type NewPosting } from "../../src/db/posting/insert.ts";
import { type RescuedPool, rescuePools } from "../../src/db/engine/rescue.ts";
import { freshDatabase, type TestDatabase } from "../database.ts";

/** One job of a lease. */
export interface LeasedJob {
  leaseId: number;
  postingId: number;
  seq: number;
  attempt: number;
}

/** The connections to a database of one test's own, which is dropped with them. */
export async function freshQueue(): Promise<Db> {
  const database = await freshDatabase();
  return { ...database.db, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}

/**
 * For the top of a test file: a function that hands that file's one database to one test after the
 * other, without rows, with the same two connections. A database and connections for each test
 * would take most of their time: a new session reads the catalog and compiles each function.
 */
export function queueOfFile(): () => Promise<Db> {
  let opened: Promise<{ database: TestDatabase; db: Db }> | undefined;
  afterAll(async () => {
    if (!opened) return;
    const { database, db } = await opened;
    await db.close();
    await database[Symbol.asyncDispose]();
  });
  const open = async () => {
    const database = await freshDatabase();
    const overrides = { application_name: ofFile };
    return { database, db: connect(database.db.target, { connections: 2, overrides }) };
  };
  return async () => {
    const { db } = await (opened ??= open());
    await cutOff(db);
    await empty(db);
    return { ...db, [Symbol.asyncDispose]: async () => {} };
  };
}

const ofFile = "the queue of a test file";

/** Ends transactions that a failed test has left open. */
const cutOff = ({ sql }: Db) => sql`
  select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and application_name <> ${ofFile}`;

/**
 * All rows go, and all spans but the first: postings are numbered from 1 again. Tables that no test
 * has written to are not truncated, which would make the session plan their statements again.
 */
const empty = ({ sql }: Db) => sql`
  do $$ declare later pdoflow.span; written text; begin
    for later in delete from pdoflow.span where first_id > 1 returning * loop
      execute format('drop table %s, %s', later.jobs, later.outcomes);
    end loop;
    select string_agg(oid::regclass::text, ', ') into written
    from pg_class where relnamespace = 'pdoflow'::regnamespace and relkind = 'r'
      and relname not in ('migration', 'span') and pg_relation_size(oid) > 0;
    if written is not null then execute format('truncate %s cascade', written); end if;
    perform setval(format('%I.%I', schemaname, sequencename), start_value, false)
    from pg_sequences where schemaname = 'pdoflow' and last_value is not null;
  end $$`;

export const entryPoint = "work.ts#main";

/**
 * Posts `count` jobs, whose arguments are their index, and returns the posting's id. A block has at
 * most `perBlock` jobs.
 */
export async function postJobs(
  db: Db,
  count: number,
  options: Partial<NewPosting> & { priorities?: readonly number[]; perBlock?: number } = {},
): Promise<number> {
  const { priorities, perBlock = count, ...posting } = options;
  const defaults = { entryPoint, priority: 0, backoffMs: 0, osUser: "ada" };
  const args = Array.from({ length: count }, (_, index) => `[${index}]`);
  const batches = Array.from({ length: Math.ceil(count / perBlock) }, (_, i) => ({
    args: args.slice(i * perBlock, (i + 1) * perBlock),
    priorities: priorities?.slice(i * perBlock, (i + 1) * perBlock),
  }));
  const { id } = await insertPosting(db, { ...defaults, ...posting }, batches, "the test");
  return id;
}

/** Posts N jobs one by one, as a web application does; returns the postings' ids. */
export async function postSingles(db: Db, count: number): Promise<number[]> {
  const ids: number[] = [];
  while (ids.length < count) ids.push(await postJobs(db, 1));
  return ids;
}

export const newPool = (db: Db, host = "here", project: string | null = null): Promise<number> =>
  registerPool(db, {
    host,
    pid: 1,
    version: "test",
    osUser: "ada",
    slots: 1,
    heartbeatTimeoutMs: 3_600_000, // nothing beats for it: it is silent once a test says so
    provides: {},
    posters: null,
    project,
  });

/** Claims for a pool: by default all that one claim can take, of all routes. */
export async function take(db: Db, poolId: number, want: Partial<Claim> = {}) {
  const all = { oldest: false, sizes: [], cap: 1_000_000, share: 1 };
  const routes = want.routes ?? (await allRoutes(db));
  return (await claim(db, { poolId, ...all, ...want, routes })).ranges;
}

export const allRoutes = async (db: Db) => (await readRoutes(db)).map(({ id }) => id);

/** The jobs of leased ranges, one by one. */
export const jobsOf = (ranges: readonly LeasedRange[]): LeasedJob[] =>
  ranges.flatMap(({ leaseId, postingId, firstSeq, endSeq, attempt }) =>
    Array.from({ length: endSeq - firstSeq }, (_, place) => ({
      leaseId,
      postingId,
      seq: firstSeq + place,
      attempt,
    })),
  );

/** A pool that has claimed all jobs of a new posting. */
export async function leased(db: Db, count: number, maxAttempts = 3, host = "host") {
  const [pool, id] = [await newPool(db, host), await postJobs(db, count, { maxAttempts })];
  return { pool, id, jobs: jobsOf(await take(db, pool)) };
}

/** The same, and its heartbeat has stopped. */
export async function silentPool(db: Db, count: number, maxAttempts = 3) {
  const made = await leased(db, count, maxAttempts, "lost-host");
  await silence(db, made.pool);
  return made;
}

/** As if the last heartbeat of a pool had reported these jobs as running for a while (O2). */
export async function reportRunning({ sql }: Db, pool: number, jobs: readonly LeasedJob[]) {
  const running = jobs.map(({ postingId, seq, attempt }) => ({ posting: postingId, seq, attempt }));
  await sql`update pdoflow.pool set running = ${sql.json(running)} where id = ${pool}`;
}

/** The recorded outcomes, with the names of their errors. */
export const outcomesOf = async ({ sql }: Db) => [
  ...(await sql`select seq, attempt, state, error ->> 'name' as error from pdoflow.outcome
                order by posting_id, seq, attempt`),
];

/** `42/7`: for comparing which jobs were claimed. */
export const names = (ranges: readonly LeasedRange[]): string[] =>
  jobsOf(ranges).map(({ postingId, seq }) => `${postingId}/${seq}`);

/** The outcome of one job; by default it is done, and the next attempt is due at once. */
export const outcome = (job: LeasedJob, more: Partial<Outcome> = {}): Outcome => ({
  ...job,
  state: "done",
  ageMs: 0,
  durationMs: 1,
  workerPid: 1,
  result: null,
  error: null,
  stdout: null,
  stderr: null,
  delayMs: more.state === "retried" ? 0 : null,
  ...more,
});

/** Records outcomes one by one; returns how many were refused. */
export async function recordOutcomes(
  db: Db,
  poolId: number,
  outcomes: readonly Outcome[],
  completeLeases: readonly number[],
): Promise<number> {
  const now = performance.now();
  const runs = outcomes.map((one) => runOf(one, now - one.ageMs));
  return await recordRuns(db, poolId, runs, completeLeases);
}

/** Records an outcome for each job, and lets go of their leases; returns how many were refused. */
export const record = (
  db: Db,
  poolId: number,
  jobs: readonly LeasedJob[],
  more: Partial<Outcome> = {},
): Promise<number> =>
  recordOutcomes(
    db,
    poolId,
    jobs.map((job) => outcome(job, more)),
    [...new Set(jobs.map((job) => job.leaseId))],
  );

/** As {@link record}, while other jobs of their leases are still running. */
export const recordPart = (
  db: Db,
  poolId: number,
  jobs: readonly LeasedJob[],
  more: Partial<Outcome> = {},
): Promise<number> =>
  recordEach(
    db,
    poolId,
    jobs,
    jobs.map(() => more),
  );

/** The same for the first of `jobs` with the first of `ends`, and so on. */
export const recordEach = (
  db: Db,
  poolId: number,
  jobs: readonly LeasedJob[],
  ends: readonly Partial<Outcome>[],
): Promise<number> =>
  recordOutcomes(
    db,
    poolId,
    ends.map((more, place) => outcome(nth(jobs, place), more)),
    [],
  );

/** Writes an outcome by hand, so that a second writer waits for this transaction. */
export const recordElsewhere = (
  { sql }: Db,
  { leaseId, postingId, seq, attempt }: LeasedJob,
) => sql`
  insert into pdoflow.outcome_run (posting_id, attempt, first_seq, end_seq, lease_id, state,
                                   ended_at, offsets_ms, durations_us, worker_pids)
  values (${postingId}, ${attempt}, ${seq}, ${seq + 1}, ${leaseId}, 'done', now(), '{0}', '{1}',
          '{1}')`;

/** The arguments of the jobs of each range, a text for each job. */
export const readLines = async (
  db: Db,
  ranges: readonly Range[],
  maxBytes?: number,
): Promise<string[][]> =>
  (await readArguments(db, ranges, maxBytes)).map((texts) =>
    texts.flatMap(({ count, args }) => {
      const lines = args.split("\n");
      if (lines.length !== count) throw new Error(`expected ${count} lines, found ${lines.length}`);
      return lines;
    }),
  );

/** The range of one job. */
export const rangeOf = ({ seq, ...job }: LeasedJob): LeasedRange => ({
  ...{ ...job, firstSeq: seq, endSeq: seq + 1 },
});

/** Releases the leases of `leased`, except for the jobs in `keep`; returns how many. */
export const putBack = (
  db: Db,
  poolId: number,
  leased: readonly { leaseId: number }[],
  keep: readonly LeasedJob[] = [],
): Promise<number> =>
  release(db, poolId, [...new Set(leased.map(({ leaseId }) => leaseId))], keep.map(rangeOf));

/** The error of the database for a statement that it must refuse. */
export async function refusal(statement: PromiseLike<unknown>): Promise<string> {
  try {
    await statement;
  } catch (error) {
    return String(error);
  }
  throw new Error("expected a refusal, and it was accepted");
}

/** An element that has to be there. */
export function nth<T>(list: readonly T[], place: number): T {
  const element = list[place];
  if (element === undefined) throw new Error(`expected an element ${place}, found ${list.length}`);
  return element;
}

/** Claims all that can be claimed now, and returns the jobs in the order of their claims. */
export async function takeAll(db: Db, poolId: number, want: Partial<Claim> = {}) {
  const routes = want.routes ?? (await allRoutes(db));
  const taken: LeasedRange[] = [];
  for (;;) {
    const ranges = await take(db, poolId, { ...want, routes });
    if (ranges.length === 0) return taken;
    taken.push(...ranges);
  }
}

/** Lets the last heartbeat of a pool be a minute old, more than its heartbeat timeout. */
export const silence = ({ sql, schema }: Db, poolId: number) => sql`
  update ${schema}.pool set heartbeat_at = now() - interval '2 h' where id = ${poolId}`;

/** The number of a pool, for people. */
export async function numberOf({ sql, schema }: Db, pool: number): Promise<number> {
  const [row] = await sql<{ number: number }[]>`
    select number from ${schema}.pool where id = ${pool}`;
  return row?.number ?? 0;
}

/** The id of a pool by its number. */
export async function poolOf({ sql, schema }: Db, number: number): Promise<number> {
  const [row] = await sql<{ id: number }[]>`
    select id from ${schema}.pool where number = ${number}`;
  return row?.id ?? 0;
}

export async function rescue(db: Db) {
  const rescued: (Omit<RescuedPool, "number"> & { poolId: number })[] = [];
  for (const { number, ...pool } of await rescuePools(db)) {
    rescued.push({ poolId: await poolOf(db, number), ...pool });
  }
  return rescued;
}

export const hold = (db: Db, id: number, state: "paused" | "errored_out" = "paused") =>
  pausePostings(db, [id], state, "why");

export const resume = (db: Db, id: number) => resumePostings(db, [id]);

export const cancel = (db: Db, id: number) =>
  cancelPostings(db, [id], { killsRunning: true, reason: "why" });

/** Posts `count` postings of one job each in one statement, and returns the first one's id. */
export async function postManySingles(db: Db, count: number): Promise<number> {
  await db.sql`select pdoflow.open_span(${count})`;
  const template = await postJobs(db, 1); // brings the route, and is the first of them
  await db.sql`
    with posted as (
      insert into pdoflow.posting (entry_point, job_count, route_id, backoff_ms, priority)
      select entry_point, 1, route_id, 0, 0
      from pdoflow.posting, generate_series(2, ${count}::integer) where id = ${template}
      returning id, route_id),
    lanes as (
      insert into pdoflow.lane (posting_id, priority, first_seq, end_seq, route_id)
      select id, 0, 0, 1, route_id from posted)
    insert into pdoflow.job (posting_id, first_seq, end_seq, args)
  select id, 0, 1, '[]' from posted`;
  return template;
}
