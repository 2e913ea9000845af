import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/**
 * The time in ms until the next retry is due, of postings other than `skip`, and until the next
 * posting starts (P8); null if none is waiting for its time.
 */
export async function nextTimes(
  { sql, schema }: Db,
  routes: readonly number[],
  skip: readonly number[] = [],
): Promise<{ retryMs: number | null; startMs: number | null }> {
  const [row] = await sql<{ retryMs: number | null; startMs: number | null }[]>`
    select * from ${schema}.pool_next_ms(
      ${integers(routes)}::integer[], ${integers(skip)}::bigint[])`;
  return row ?? { retryMs: null, startMs: null };
}

/** Opens postings that are due to start (P8). */
export const startDue = ({ sql, schema }: Db) => sql`select ${schema}.pool_start_due()`;
