import type { PostingOptions, RunOption } from "../../domain/posting-options.ts";
import { separator, integers, texts } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** A range of jobs of one posting, from `firstSeq` up to before `endSeq`, and their attempt. */
export interface Range {
  postingId: number;
  firstSeq: number;
  endSeq: number;
  attempt: number;
}

export interface LeasedRange extends Range {
  leaseId: number;
}

/** The maximum and minimum number of jobs of one entry point in a claim. */
export interface ClaimSize {
  entryPoint: string;
  cap: number;
  floor: number;
}

export interface Claim {
  poolId: number;
  /** The routes that this pool may serve; after a null, the routes whose turn comes later. */
  routes: readonly (number | null)[];
  /** Whether to claim the oldest open lane, regardless of its priority. */
  oldest: boolean;
  sizes: readonly ClaimSize[];
  /** The maximum for entry points that are not among `sizes`. */
  cap: number;
  /** The share of the remaining jobs of a lane that may be claimed, in (0, 1]. */
  share: number;
  /** Postings to skip, because they are known to be at a limit. */
  skip?: readonly number[];
  /** The time in ms within which jobs of a posting with a rate are started, or released. */
  slackMs?: number;
}

/** A posting that is at a limit, and for about how long; 0 if another claim was faster. */
export interface LimitedPosting {
  postingId: number;
  waitMs: number;
}

/** A claimed range; its jobs and its posting, if they were read at once. */
export interface ClaimedRange extends LeasedRange {
  /** The number of jobs of its lease that may run at a time (L4); null for any number. */
  runningLimit: number | null;
  args: string | null;
  posting: RunnablePosting | null;
}

export interface Claimed {
  /** The ranges of one new lease; none if nothing is available. */
  ranges: ClaimedRange[];
  /** Postings that were skipped. */
  limited: LimitedPosting[];
}

/** The claiming statement reads at most this number of jobs, because it locks their lane. */
const readAtOnce = 500;

/** A row of `pool_claim`: one range or, for similar postings of one job, several. */
interface ClaimRow extends Omit<ClaimedRange, "leaseId" | "postingId"> {
  leaseId: number | null;
  waitMs: number | null;
  postingIds: string;
  /** The position of each among the ranges of all rows. */
  positions: string;
}

/** A claim that lost its jobs to a faster one is repeated at once, up to this number of times. */
const repeats = 20;

/** Claims the next jobs in order, for one pool, under one new lease. */
export async function claim(db: Db, want: Claim): Promise<Claimed> {
  for (let left = repeats; ; left--) {
    const claimed = await claimOnce(db, want);
    if (left === 0 || !claimed.limited.some(({ waitMs }) => waitMs === 0)) return claimed;
  }
}

async function claimOnce({ sql, schema }: Db, want: Claim): Promise<Claimed> {
  const rows = await sql<ClaimRow[]>`
    select * from ${schema}.pool_claim(
      ${want.poolId},
      row(
        ${integers(want.routes)}::integer[], ${want.oldest}::boolean,
        ${texts(want.sizes.map((size) => size.entryPoint))}::text[],
        ${integers(want.sizes.map((size) => size.cap))}::integer[],
        ${integers(want.sizes.map((size) => size.floor))}::integer[],
        ${want.cap}::integer, ${want.share}::double precision,
        ${integers(want.skip ?? [])}::bigint[], ${want.slackMs ?? 100}::integer
      )::${schema}.claim_options,
      ${readAtOnce})`;
  const claimed: Claimed = { ranges: [], limited: [] };
  for (const row of rows) addRanges(claimed, row);
  return { ...claimed, ranges: claimed.ranges.flat() }; // without the positions that have none
}

function addRanges({ ranges, limited }: Claimed, row: ClaimRow): void {
  const { leaseId, firstSeq, endSeq, attempt, waitMs, runningLimit, posting, args } = row;
  const ids = row.postingIds.split(",").map(Number);
  const positions = row.positions.split(",").map(Number);
  const texts = ids.length === 1 ? [args] : (args?.split(separator) ?? []);
  for (const [i, postingId] of ids.entries()) {
    if (leaseId === null) {
      limited.push({ postingId, waitMs: waitMs ?? 0 });
      continue;
    }
    ranges[positions[i] ?? 0] = {
      ...{ leaseId, postingId, firstSeq, endSeq, attempt, runningLimit },
      args: texts[i] || null, // an empty text: to be read separately
      posting: posting && { ...posting, id: postingId },
    };
  }
}

/** The jobs of a claim, in the order of its ranges; null for jobs that must still be read. */
export function jobsOfClaim(ranges: readonly ClaimedRange[]): JobArguments[] | null {
  const jobs: JobArguments[] = [];
  for (const { postingId, firstSeq, endSeq, args } of ranges) {
    if (args === null) return null;
    addJobs(jobs, { postingId, firstSeq, endSeq, args });
  }
  return jobs;
}

/** Leased jobs are missing in the database: someone has deleted them by hand. */
export class JobsGone extends Error {
  override readonly name = "JobsGone";
  readonly postingId: number;
  constructor(postingId: number) {
    super("jobs of it are not in the database any more");
    this.postingId = postingId;
  }
}

/** A job of a range, with its arguments as encoded text, which is never decoded on the way. */
export interface JobArguments {
  postingId: number;
  seq: number;
  args: string;
}

/** The jobs in one row: one row for each would cost more than all the rest of reading them. */
const jobsPerRow = 200;

interface JobsRow extends Omit<Range, "attempt"> {
  /** Null where one of them is too large. */
  args: string | null;
}

/**
 * The jobs of the ranges, in the order of the ranges: at least one, and no more than `maxBytes` of
 * arguments. Each range is summed by itself, because the planner might otherwise join the ranges
 * with all jobs of the posting. The statement also gets the smallest and the greatest posting: with
 * these the server excludes all other spans when it plans, instead of during the join.
 *
 * @throws {JobsGone} if the next job to be read does not exist.
 */
export async function readJobs(
  db: Db,
  ranges: readonly Range[],
  maxBytes = Number.MAX_SAFE_INTEGER,
): Promise<JobArguments[]> {
  const { sql, schema } = db;
  const count = ranges.reduce((sum, { firstSeq, endSeq }) => sum + endSeq - firstSeq, 0);
  const each = Math.floor(maxBytes / Math.max(count, 1));
  const rows = await sql<JobsRow[]>`
    select r.posting_id, j.first_seq, j.end_seq, j.args
    from ${unnested(db, ranges)}
      cross join lateral (
        select min(seq) as first_seq, max(seq) + 1 as end_seq,
               case when bool_and(${largest(db)} <= ${each}::bigint) then
                 string_agg(case when ${largest(db)} <= ${each}::bigint then args::text end,
                            ${separator} order by seq)
               end as args
        from ${schema}.job where ${isOf(db, ranges)}
        group by (seq - r.first_seq) / ${jobsPerRow}) j
    order by r.position, j.first_seq`;
  const jobs: JobArguments[] = [];
  const isWhole = addRows(jobs, rows);
  if (!isWhole) await readLarge(db, ranges, maxBytes, jobs);
  else if (jobs.length < count) throw new JobsGone(firstGone(ranges, jobs));
  return jobs;
}

/** The posting of the first job of the ranges that is not among `jobs`. */
function firstGone(ranges: readonly Range[], jobs: readonly JobArguments[]): number {
  let next = 0;
  for (const { postingId, firstSeq, endSeq } of ranges) {
    for (let seq = firstSeq; seq < endSeq; seq++) {
      const job = jobs[next++];
      if (job?.postingId !== postingId || job.seq !== seq) return postingId;
    }
  }
  throw new Error("no job of the ranges is missing");
}

/** Reads on where some are large: as many as fit for sure, as none is unpacked to be measured. */
async function readLarge(
  db: Db,
  ranges: readonly Range[],
  maxBytes: number,
  jobs: JobArguments[],
): Promise<void> {
  const { sql, schema } = db;
  for (let rest = after(ranges, jobs.length); rest[0]; rest = after(ranges, jobs.length)) {
    const left = maxBytes - jobs.reduce((sum, { args }) => sum + args.length, 0);
    const fits = sql`(upto <= ${left}::bigint or ${jobs.length === 0})`;
    const rows = await sql<JobsRow[]>`
      select posting_id, min(seq) as first_seq, max(seq) + 1 as end_seq,
             string_agg(case when ${fits} then args::text end, ${separator} order by seq) as args
      from (
        select r.position, r.first_seq, j.posting_id, j.seq, j.args,
               sum(j.size) over in_order as upto, row_number() over in_order as number
        from ${unnested(db, rest)}
          cross join lateral (
            select posting_id, seq, args, ${largest(db)} as size
            from ${schema}.job where ${isOf(db, rest)} offset 0) j
        window in_order as (order by r.position, j.seq rows unbounded preceding)) sized
      where upto <= ${left}::bigint or number = 1
      group by position, posting_id, (seq - first_seq) / ${jobsPerRow}
      order by position, min(seq)`;
    if (rows.length === 0) throw new JobsGone(rest[0].postingId);
    if (!addRows(jobs, rows)) return;
  }
}

const unnested = ({ sql }: Db, ranges: readonly Range[]) => sql`
  unnest(${integers(ranges.map((r) => r.postingId))}::bigint[],
         ${integers(ranges.map((r) => r.firstSeq))}::integer[],
         ${integers(ranges.map((r) => r.endSeq))}::integer[])
    with ordinality as r (posting_id, first_seq, end_seq, position)`;

/** Creates the job of the range `r`. */
function isOf({ sql }: Db, ranges: readonly Range[]) {
  const postingIds = ranges.map((r) => r.postingId);
  return sql`posting_id = r.posting_id and seq >= r.first_seq and seq < r.end_seq
    and posting_id >= ${Math.min(...postingIds, Number.MAX_SAFE_INTEGER)}
    and posting_id <= ${Math.max(...postingIds, 0)}`;
}

/**
 * The maximum size of `args` in bytes, computed from the stored size: counting them would require
 * to decompress them. The two compressions make texts at most 88 and 255 times as small.
 */
const largest = ({ sql }: Db) => sql`
  pg_column_size(args)::bigint
    * case pg_column_compression(args) when 'pglz' then 88 when 'lz4' then 255 else 1 end`;

/** The rest of ranges after `count` of their jobs. */
function after(ranges: readonly Range[], count: number): Range[] {
  const rest: Range[] = [];
  let skip = count;
  for (const range of ranges) {
    const size = range.endSeq - range.firstSeq;
    if (skip < size) rest.push({ ...range, firstSeq: range.firstSeq + skip });
    skip = Math.max(skip - size, 0);
  }
  return rest;
}

/** False if it stopped at a row without arguments. */
function addRows(jobs: JobArguments[], rows: readonly JobsRow[]): boolean {
  for (const { args, ...row } of rows) {
    if (args === null) return false;
    addJobs(jobs, { ...row, args });
  }
  return true;
}

function addJobs(
  jobs: JobArguments[],
  { postingId, firstSeq, endSeq, args }: Omit<Range, "attempt"> & { args: string },
): void {
  const texts = args.split(separator);
  if (texts.length !== endSeq - firstSeq) throw new JobsGone(postingId);
  for (const [i, text] of texts.entries()) {
    jobs.push({ postingId, seq: firstSeq + i, args: text });
  }
}

/** The properties of a posting that a pool needs to run its jobs. */
export interface RunnablePosting extends Pick<PostingOptions, RunOption> {
  id: number;
  routeId: number;
  entryPoint: string;
  jobCount: number;
  /** Whether a number or a percentage of failed jobs stops the posting. */
  hasFailureLimit: boolean;
  hasRate: boolean;
  /** Whether its jobs have an index that differs from their seq (J2). */
  isSorted: boolean;
  /** The limits in bytes of results, and of the output of each stream (T4); null for none. */
  maxResultBytes: number | null;
  maxOutputBytes: number | null;
}

export async function readRunnable(
  { sql, schema }: Db,
  ids: readonly number[],
): Promise<RunnablePosting[]> {
  const rows = await sql<{ posting: RunnablePosting }[]>`
    select posting from ${schema}.pool_runnable(${integers(ids)}::bigint[])`;
  return rows.map((row) => row.posting);
}
