import { integers, separator } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";
import type { ClaimedRange, Range } from "./leases.ts";

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

/** The jobs of a range that are in one block. */
interface JobsRow extends Omit<Range, "attempt"> {
  /** A line for each job; null if they may be too large. */
  args: string | null;
}

/**
 * The jobs of the ranges, in the order of the ranges: at least one, and no more than `maxBytes` of
 * arguments. The blocks of each range are read separately, because the planner might otherwise join
 * the ranges with all blocks of the posting. The statement also gets the smallest and the greatest
 * posting: with these the server excludes all other spans when it plans, instead of during the
 * join.
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
        select ${partOf(db)},
               case when ${maxBytesOf(db)} <= ${each}::bigint * ${sizeOfPart(db)}
                 then ${linesOf(db)} end as args
        from ${schema}.job b where ${isOf(db, ranges)} offset 0) j
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
      select b.posting_id, ${partOf(db)}, case when ${fits} then ${linesOf(db)} end as args
      from (
        select r.position, r.posting_id, r.first_seq, j.block_seq,
               case when j.line_bytes is null then r.end_seq
                 else least(r.end_seq, greatest(r.first_seq, j.block_seq)
                        + greatest(${left}::bigint / j.line_bytes, 1))::integer end as end_seq,
               sum(j.size) over in_order as upto, row_number() over in_order as number
        from ${unnested(db, rest)}
          cross join lateral (
            select b.first_seq as block_seq, ${maxBytesOf(db)} as size, b.line_bytes
            from ${schema}.job b where ${isOf(db, rest)} offset 0) j
        window in_order as (order by r.position, j.block_seq rows unbounded preceding)) r
        join ${schema}.job b on b.posting_id = r.posting_id and b.first_seq = r.block_seq
          and ${isAmong(db, rest)}
      where upto <= ${left}::bigint or number = 1
      order by r.position, b.first_seq`;
    if (rows.length === 0) throw new JobsGone(rest[0].postingId);
    if (!addRows(jobs, rows)) return;
  }
}

const unnested = ({ sql }: Db, ranges: readonly Range[]) => sql`
  unnest(${integers(ranges.map((r) => r.postingId))}::bigint[],
         ${integers(ranges.map((r) => r.firstSeq))}::integer[],
         ${integers(ranges.map((r) => r.endSeq))}::integer[])
    with ordinality as r (posting_id, first_seq, end_seq, position)`;

/** Whether the block `b` has jobs of the range `r` (J1). */
const isOf = (db: Db, ranges: readonly Range[]) => db.sql`
  b.posting_id = r.posting_id and b.first_seq < r.end_seq
    and b.first_seq >= case when r.first_seq = 0 then 0
      else ${db.schema}.block_of(r.posting_id, r.first_seq) end
    and ${isAmong(db, ranges)}`;

function isAmong({ sql }: Db, ranges: readonly Range[]) {
  const postingIds = ranges.map((r) => r.postingId);
  return sql`b.posting_id >= ${Math.min(...postingIds, Number.MAX_SAFE_INTEGER)}
    and b.posting_id <= ${Math.max(...postingIds, 0)}`;
}

/** The jobs of the range `r` that are in the block `b`. */
const partOf = ({ sql }: Db) => sql`
  greatest(b.first_seq, r.first_seq) as first_seq, least(b.end_seq, r.end_seq) as end_seq`;
const sizeOfPart = ({ sql }: Db) => sql`
  (least(b.end_seq, r.end_seq) - greatest(b.first_seq, r.first_seq))`;
const linesOf = ({ sql, schema }: Db) => sql`
  ${schema}.lines_of(b.args, b.sweep, b.first_seq, b.end_seq, r.first_seq, r.end_seq)`;
const maxBytesOf = (db: Db) => db.sql`
  coalesce(b.line_bytes::bigint * ${sizeOfPart(db)},
           ${db.schema}.max_bytes_of(b.args, b.end_seq - b.first_seq))`;

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
  if (texts.length !== endSeq - firstSeq || args === "") throw new JobsGone(postingId);
  for (const [i, text] of texts.entries()) {
    jobs.push({ postingId, seq: firstSeq + i, args: text });
  }
}
