import type * as v from "valibot";

import type { Needs } from "../domain/capabilities.ts";
import { NothingToPost } from "../domain/errors.ts";
import { parse } from "../domain/parse.ts";
import { PostingOptions, rateOf } from "../domain/posting.ts";
import type { Place } from "./caller-transaction.ts";
import type { Tx } from "./connect.ts";
import { Batches, type JobBatch } from "./batches.ts";
import { takeKey } from "./posting-key.ts";

export interface NewPosting extends v.InferInput<typeof PostingOptions> {
  entryPoint: string;
  /** Of all jobs that come without one of their own. */
  priority: number;
  /** Who posts, by the operating system; the database knows its role itself. */
  osUser: string;
  /** What a pool must have to run its jobs; by default nothing. */
  needs?: Needs;
  /** Of the run whose pool alone may run its jobs (R2). */
  run?: string;
  /** For people; need not be its alone (P7). */
  name?: string | null | undefined;
  /** Posting the same key again gives the posting that there is (K1). */
  key?: string | null | undefined;
}

export interface Posted {
  id: number;
  jobCount: number;
  /** False where its key had been posted before. */
  isNew: boolean;
}

/** No JSON text holds this character, so it can separate them. */
const separator = "\u001e";
const batchesInFlight = 3;

/**
 * Posts one job for each argument list of `batches`, all or none, and returns once that is
 * committed. Memory is bounded by the batches, not by the posting. `source` names where the jobs
 * come from, for the message where there are none. `openSpan` makes room for more postings.
 *
 * @throws {NothingToPost} there was no job; nothing is written.
 * @throws {KeyTaken} its key belongs to a posting of another entry point.
 * @throws {InvalidInput} an option is out of its range.
 */
export async function insertPosting(
  db: Place,
  posting: NewPosting,
  batches: AsyncIterable<JobBatch> | Iterable<JobBatch>,
  source: string,
  openSpan = async () => void (await openSpanBy(db)),
): Promise<Posted> {
  const options = optionsText(posting);
  const read = new Batches(batches);
  try {
    const only = await read.onlyOne();
    if (only && !only.priorities && (posting.key ?? null) === null) {
      return await postAtOnce(db, posting, { options, args: only.args, openSpan });
    }
    for (;;) {
      const posted = await db.sql.begin(async (sql) => {
        const id = await takeId(db, sql);
        return id === null
          ? null
          : await insertAll(db, sql, id, { posting, options, read, source });
      });
      if (posted) return posted;
      await openSpan();
    }
  } finally {
    await read.close();
  }
}

/** What the poster sets, as `add_posting` takes it. */
function optionsText(posting: NewPosting): string {
  const { maxRate, ...options } = parse(PostingOptions, posting, "options of a posting");
  const rate = rateOf(maxRate);
  return JSON.stringify({
    name: posting.name,
    entry_point: posting.entryPoint,
    needs: posting.needs ?? [],
    run: posting.run ?? "",
    tries: options.tries,
    backoff_ms: options.backoffMs,
    timeout_ms: options.timeoutMs,
    grace_ms: options.graceMs,
    stop_after: options.stopAfter,
    keeps_results: options.keepsResults,
    keeps_output: options.keepsOutput,
    keep_ms: options.keepMs,
    max_failures: options.maxFailures,
    max_failures_percent: options.maxFailuresPercent,
    max_running: options.maxRunning,
    rate_count: rate.count,
    rate_ms: rate.ms,
  });
}

/** In a transaction of its own. */
export const openSpanBy = ({ sql, schema }: Place) => sql`select ${schema}.open_span()`;

/** A posting that is one batch is one statement: a job posted by itself starts sooner. */
async function postAtOnce(
  db: Place,
  { osUser, priority }: NewPosting,
  {
    options,
    args,
    openSpan,
  }: { options: string; args: readonly string[]; openSpan: () => Promise<void> },
): Promise<Posted> {
  for (;;) {
    const [posted] = await db.sql<{ id: number; jobCount: number }[]>`
      select * from ${db.schema}.post_batch(
        ${osUser}, ${options}::text::jsonb, ${priority}, ${args.join(separator)}, ${separator})`;
    if (posted) return { ...posted, isNew: true };
    await openSpan();
  }
}

/** Null, before anything was read or written, where a span has to be opened first (X1). */
async function takeId(db: Place, sql: Tx): Promise<number | null> {
  const [row] = await sql<{ id: number | null }[]>`select ${db.schema}.take_posting_id() as id`;
  return row?.id ?? null;
}

interface Work {
  posting: NewPosting;
  options: string;
  read: Batches;
  source: string;
}

async function insertAll(
  db: Place,
  sql: Tx,
  id: number,
  { posting, options, read, source }: Work,
): Promise<Posted> {
  const { schema } = db;
  const before = await takeKey(db, sql, id, posting);
  if (before) return before;
  const { jobCount, hasPriorities } = await insertJobs(db, sql, id, posting.priority, read);
  if (jobCount === 0) throw new NothingToPost(source);
  // Sent at once, each without waiting for the answer to the one before it.
  await Promise.all([
    sql`
      select ${schema}.add_posting(
        ${id}, ${jobCount}, ${posting.osUser}, ${options}::text::jsonb)`,
    hasPriorities
      ? insertSortedJobs(db, sql, id)
      : sql`
          insert into ${schema}.lane (posting_id, priority, first_seq, end_seq, route_id)
          select id, ${posting.priority}, 0, job_count, route_id
          from ${schema}.posting where id = ${id}`,
    sql`select ${schema}.wake(${id})`,
  ]);
  return { id, jobCount, isNew: true };
}

async function insertJobs(db: Place, sql: Tx, id: number, priority: number, batches: Batches) {
  let jobCount = 0;
  let hasPriorities: boolean | null = null;
  const inFlight: Promise<unknown>[] = [];
  for await (const batch of batches) {
    if (hasPriorities === null) {
      hasPriorities = batch.priorities !== undefined;
      if (hasPriorities) await createStage(sql);
    }
    const text = batch.args.join(separator);
    const sent = hasPriorities
      ? stageJobs(sql, jobCount, text, batch.priorities ?? batch.args.map(() => priority))
      : sql`
          insert into ${db.schema}.job (posting_id, seq, args)
          select ${id}::bigint, ${jobCount}::integer + place - 1, args::json
          from string_to_table(${text}, ${separator}) with ordinality as t (args, place)`;
    const settled = Promise.resolve(sent);
    settled.catch(() => {}); // told by the await below; a later one may fail before that
    inFlight.push(settled);
    jobCount += batch.args.length;
    if (inFlight.length > batchesInFlight) await inFlight.shift();
  }
  await Promise.all(inFlight);
  return { jobCount, hasPriorities: hasPriorities ?? false };
}

const createStage = (sql: Tx) => sql`
  create temporary table pdoflow_stage (index integer, priority integer, args json)
  on commit drop`;

const stageJobs = (sql: Tx, first: number, text: string, priorities: readonly number[]) => sql`
  insert into pdoflow_stage (index, priority, args)
  select ${first}::integer + place - 1, priority, args::json
  from string_to_table(${text}, ${separator}) with ordinality as a (args, place)
    join unnest(${`{${priorities.join(",")}}`}::integer[]) with ordinality as p (priority, place)
      using (place)`;

/** Jobs with priorities: sorted by it, stable, a lane for each (N1, J1, J2). */
async function insertSortedJobs(db: Place, sql: Tx, id: number): Promise<void> {
  await sql`
    insert into ${db.schema}.job (posting_id, seq, index, args)
    select ${id}::bigint, row_number() over (order by priority desc, index) - 1,
           case when differ.yes then index end, args
    from pdoflow_stage
      cross join (select count(distinct priority) > 1 as yes from pdoflow_stage) differ`;
  await sql`
    insert into ${db.schema}.lane (posting_id, priority, first_seq, end_seq, route_id)
    select ${id}::bigint, priority, sum(size) over higher - size, sum(size) over higher,
           (select route_id from ${db.schema}.posting where id = ${id})
    from (select priority, count(*) as size from pdoflow_stage group by priority) s
    window higher as (order by priority desc)`;
  await sql`drop table pdoflow_stage`; // the transaction may go on, and post others
}
