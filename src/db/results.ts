import type { JobCounts } from "../domain/posting.ts";
import type { Db } from "./connect.ts";

/** Where one job stands, by its index, with the last outcome it has as encoded text. */
export interface ResultRow {
  index: number;
  status: keyof JobCounts;
  result: string | null;
  error: string | null;
}

export interface ResultPage {
  postingId: number;
  /** The index of the last job of the page before; -1 for the first page. */
  after: number;
  /** How many rows at most. */
  size: number;
  /** Whether the posting's jobs have an index that differs from their seq (J2). */
  isSorted: boolean;
}

/** The next jobs of a posting in the order in which they were posted. */
export const readResults = (
  { sql, schema }: Db,
  { postingId, after, size, isSorted }: ResultPage,
) => sql<ResultRow[]>`
  select s.index, s.status, s.result::text as result, s.error::text as error
  from (${
    isSorted
      ? sql`
          select posting_id, seq, index from ${schema}.job
          where posting_id = ${postingId} and index > ${after} and index is not null
          order by index limit ${size}`
      : sql`
          select posting_id, seq, seq as index from ${schema}.job
          where posting_id = ${postingId} and seq > ${after} order by seq limit ${size}`
  }) page
    join ${schema}.job_status s on s.posting_id = page.posting_id and s.seq = page.seq
  order by page.index`;

/** Whether the jobs of a posting are stored in another order than that in which they were posted. */
export async function hasSortedJobs({ sql, schema }: Db, postingId: number): Promise<boolean> {
  const [row] = await sql<{ isSorted: boolean }[]>`
    select index is not null as is_sorted from ${schema}.job
    where posting_id = ${postingId} and seq = 0`;
  return row?.isSorted ?? false;
}
