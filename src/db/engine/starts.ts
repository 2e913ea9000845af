import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/**
 * The time in ms until the next retry is due, of `postings` (null for all) without `skip`, and
 * until the next posting starts (P8); null if none is waiting for its time.
 */
export async function nextTimes(
  { sql, schema }: Db,
  routes: readonly number[],
  skip: readonly number[] = [],
  postings: readonly number[] | null = null,
): Promise<{ retryMs: number | null; startMs: number | null }> {
  const [row] = await sql<{ retryMs: number | null; startMs: number | null }[]>`
    select * from ${schema}.pool_next_ms(
      ${integers(routes)}::integer[], ${integers(skip)}::bigint[],
      ${postings && integers(postings)}::bigint[])`;
  return row ?? { retryMs: null, startMs: null };
}

/** Opens postings that are due to start (P8). */
export const startDue = ({ sql, schema }: Db) => sql`select ${schema}.pool_start_due()`;
