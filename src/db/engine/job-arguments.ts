import { integers, separator } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";
import type { ClaimedRange, Range } from "./leases.ts";

/** The encoded arguments of consecutive jobs, a line for each. */
export interface ArgumentText {
  count: number;
  args: string;
}

/** The arguments of the jobs of a claim, by range; null if they must still be read. */
export function argumentsOfClaim(ranges: readonly ClaimedRange[]): ArgumentText[][] | null {
  const collected = new Collected(ranges);
  return collected.add(ranges) ? collected.byRange : null;
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

/** The jobs of a range that are in one block. */
interface JobsRow extends Omit<Range, "attempt"> {
  /** A line for each job; null if they may be too large. */
  args: string | null;
}

/**
 * The arguments of the jobs of each range, a text for each block, which is never split or decoded
 * on the way: at least of one job, and no more than `maxBytes`, so those of the last jobs may be
 * missing. The blocks of each range are read separately, because the planner might otherwise join
 * the ranges with all blocks of the posting. The statement also gets the smallest and the greatest
 * posting: with these the server excludes all other spans when it plans, instead of during the
 * join.
 *
 * @throws {JobsGone} if the next job to be read does not exist.
 */
export async function readArguments(
  db: Db,
  ranges: readonly Range[],
  maxBytes = Number.MAX_SAFE_INTEGER,
): Promise<ArgumentText[][]> {
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
  const collected = new Collected(ranges);
  const isWhole = collected.add(rows);
  if (!isWhole) await readLarge(db, collected, maxBytes);
  else if (collected.count < count) throw new JobsGone(collected.next?.postingId ?? 0);
  return collected.byRange;
}

/** Reads on where some are large: as many as fit for sure, as none is unpacked to be measured. */
async function readLarge(db: Db, collected: Collected, maxBytes: number): Promise<void> {
  const { sql, schema } = db;
  for (let rest = collected.rest; rest[0]; rest = collected.rest) {
    const left = maxBytes - collected.bytes;
    const fits = sql`(upto <= ${left}::bigint or ${collected.count === 0})`;
    const rows = await sql<JobsRow[]>`
      select b.posting_id, ${partOf(db)}, case when ${fits} then ${linesOf(db)} end as args
      from (
        select r.position, r.posting_id, r.first_seq, j.block_seq,
               case when j.is_over then ${schema}.over_end(
                   r.posting_id, greatest(r.first_seq, j.block_seq), r.end_seq, ${left}::bigint)
                 when j.line_bytes is null then r.end_seq
                 else least(r.end_seq, greatest(r.first_seq, j.block_seq)
                        + greatest(${left}::bigint / j.line_bytes, 1))::integer end as end_seq,
               sum(j.size) over in_order as upto, row_number() over in_order as number
        from ${unnested(db, rest)}
          cross join lateral (
            select b.first_seq as block_seq, ${maxBytesOf(db)} as size, b.line_bytes,
                   ${isOver(db)} as is_over
            from ${schema}.job b where ${isOf(db, rest)} offset 0) j
        window in_order as (order by r.position, j.block_seq rows unbounded preceding)) r
        join ${schema}.job b on b.posting_id = r.posting_id and b.first_seq = r.block_seq
          and ${isAmong(db, rest)}
      where upto <= ${left}::bigint or number = 1
      order by r.position, b.first_seq`;
    if (rows.length === 0) throw new JobsGone(rest[0].postingId);
    if (!collected.add(rows)) return;
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
/** Whether its arguments are the results of another posting (J7). */
const isOver = ({ sql }: Db) => sql`(b.args is null and b.line_bytes is null)`;
const maxBytesOf = (db: Db) => db.sql`
  coalesce(case when ${isOver(db)} then ${db.schema}.over_bytes(
             r.posting_id, greatest(b.first_seq, r.first_seq), least(b.end_seq, r.end_seq)) end,
           b.line_bytes::bigint * ${sizeOfPart(db)},
           ${db.schema}.max_bytes_of(b.args, b.end_seq - b.first_seq))`;

/** The arguments of the first jobs of ranges: of all that were added until now. */
class Collected {
  readonly byRange: ArgumentText[][];
  count = 0;
  bytes = 0;
  readonly #ranges: readonly Range[];
  #at = 0;
  /** The number of jobs of the range there that have arguments. */
  #done = 0;

  constructor(ranges: readonly Range[]) {
    this.#ranges = ranges;
    this.byRange = ranges.map(() => []);
  }

  /** The first range that lacks arguments, without its jobs that have some. */
  get next(): Range | undefined {
    const range = this.#ranges[this.#at];
    return range && { ...range, firstSeq: range.firstSeq + this.#done };
  }

  get rest(): Range[] {
    const { next } = this;
    return next ? [next, ...this.#ranges.slice(this.#at + 1)] : [];
  }

  /**
   * False if it stopped at a row without arguments.
   *
   * @throws {JobsGone} if a row has other jobs than the next ones.
   */
  add(rows: readonly JobsRow[]): boolean {
    for (const { postingId, firstSeq, endSeq, args } of rows) {
      if (args === null) return false;
      const { next } = this;
      const count = endSeq - firstSeq;
      const isNext = next?.postingId === postingId && next.firstSeq === firstSeq;
      if (!isNext || endSeq > next.endSeq || countLines(args) !== count)
        throw new JobsGone(next?.postingId ?? postingId);
      this.byRange[this.#at]?.push({ count, args });
      this.#done += count;
      if (endSeq === next.endSeq) [this.#at, this.#done] = [this.#at + 1, 0];
      this.count += count;
      this.bytes += args.length;
    }
    return true;
  }
}

/** Arguments of a job are never empty, so an empty text has none. */
function countLines(text: string): number {
  let count = text === "" ? 0 : 1;
  for (let at = text.indexOf(separator); at >= 0; at = text.indexOf(separator, at + 1)) count++;
  return count;
}
