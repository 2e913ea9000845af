import type { Gap } from "./gaps.ts";
import type { JobStatus } from "../../domain/states.ts";
import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** The state of one job, by its index, with its last outcome as encoded text. */
export interface ResultRow {
  index: number;
  status: JobStatus;
  result: string | null;
  error: string | null;
}

/** … with its arguments as JSON text; null unless they were requested. */
export type ResultWithArgs = ResultRow & { args: string | null };

export interface ResultPage {
  postingId: number;
  /** The index of the first job of the page. */
  first: number;
  /** The number of jobs. */
  size: number;
  /** Whether the posting's jobs have an index that differs from their seq (J2). */
  isSorted: boolean;
  hasArgs?: boolean;
}

/**
 * Some jobs of a posting in the order in which they were posted. The query uses a range, which has
 * no gap (J1), and not a limit, for which the planner may sort all following jobs. Each job is
 * looked up separately (`offset 0`), because otherwise they may be joined with all jobs of the
 * posting.
 */
export const readResults = (
  { sql, schema }: Db,
  { postingId, first, size, isSorted, hasArgs = false }: ResultPage,
) => sql<ResultWithArgs[]>`
  select s.index, s.status, s.result::text as result, s.error::text as error,
         ${hasArgs ? sql`s.args::text` : sql`null`} as args
  from ${schema}.job j cross join lateral (
    select * from ${schema}.job_status
    where posting_id = j.posting_id and seq = j.seq and posting_id = ${postingId} offset 0) s
  where j.posting_id = ${postingId} and ${isSorted ? sql`j.index` : sql`j.seq`} >= ${first}
    and ${isSorted ? sql`j.index` : sql`j.seq`} < ${first + size}
  order by s.index`;

/** The ended jobs of some ranges of a posting, by seq. Each range is read separately. */
export const readEnded = ({ sql, schema }: Db, postingId: number, ranges: readonly Gap[]) => sql<
  (ResultRow & { seq: number })[]
>`
  select s.seq, s.index, s.status, s.result::text as result, s.error::text as error
  from unnest(${integers(ranges.map(({ first }) => first))}::integer[],
              ${integers(ranges.map(({ end }) => end))}::integer[]) as r (first_seq, end_seq)
    cross join lateral (
      select * from ${schema}.job_status
      where posting_id = ${postingId} and seq >= r.first_seq and seq < r.end_seq offset 0) s
  where s.status in ('done', 'failed', 'cancelled')
  order by s.seq`;

/** Whether the jobs of a posting are stored in another order than they were posted. */
export async function hasSortedJobs({ sql, schema }: Db, postingId: number): Promise<boolean> {
  const [row] = await sql<{ isSorted: boolean }[]>`
    select index is not null as is_sorted from ${schema}.job
    where posting_id = ${postingId} and seq = 0`;
  return row?.isSorted ?? false;
}
