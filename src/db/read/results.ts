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
 * no gap (J1), and not a limit, for which the planner may sort all following jobs.
 */
export const readResults = (
  { sql, schema }: Db,
  { postingId, first, size, hasArgs = false }: ResultPage,
) => sql<ResultWithArgs[]>`
  select s.index, s.status, s.result::text as result, s.error::text as error,
         ${hasArgs ? sql`s.args::text` : sql`null`} as args
  from ${schema}.runs_of(${postingId}, ${first}, ${first + size}) r
    cross join lateral ${schema}.jobs_between(${postingId}, r.first_seq, r.end_seq, ${hasArgs}) s
  order by s.index`;

/** The ended jobs of some ranges of a posting, by seq. Each range is read separately. */
export const readEnded = ({ sql, schema }: Db, postingId: number, ranges: readonly Gap[]) => sql<
  (ResultRow & { seq: number })[]
>`
  select s.seq, s.index, s.status, s.result::text as result, s.error::text as error
  from unnest(${integers(ranges.map(({ first }) => first))}::integer[],
              ${integers(ranges.map(({ end }) => end))}::integer[]) as r (first_seq, end_seq)
    cross join lateral ${schema}.jobs_between(${postingId}, r.first_seq, r.end_seq, false) s
  where s.status in ('done', 'failed', 'cancelled')
  order by s.seq`;

/** Whether the jobs of a posting are stored in another order than they were posted. */
export async function hasSortedJobs({ sql, schema }: Db, postingId: number): Promise<boolean> {
  const [row] = await sql<{ isSorted: boolean }[]>`
    select is_sorted from ${schema}.posting where id = ${postingId}`;
  return row?.isSorted ?? false;
}
