import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

export interface NextTimes {
  /** The time in ms until the next retry is due; null if none waits. */
  retryMs: number | null;
  /** The time in ms until the next posting starts (P8); null if none waits for its time. */
  startMs: number | null;
  /** Whether a posting waits for another one. */
  anyWaits: boolean;
}

/** What comes next; of retries, those of `postings` (null for all) without `skip`. */
export async function nextTimes(
  { sql, schema }: Db,
  routes: readonly number[],
  skip: readonly number[] = [],
  postings: readonly number[] | null = null,
): Promise<NextTimes> {
  const [row] = await sql<NextTimes[]>`
    select * from ${schema}.pool_next_ms(
      ${integers(routes)}::integer[], ${integers(skip)}::bigint[],
      ${postings && integers(postings)}::bigint[])`;
  return row ?? { retryMs: null, startMs: null, anyWaits: false };
}

/** Opens postings that are due to start (P8), and cancels those whose deadline has passed (P12). */
export async function startDue({ sql, schema }: Db): Promise<void> {
  await sql`select ${schema}.pool_start_due()`;
}

/** Fires one time of a schedule that is due (H2); returns whether there was one. */
export async function fireDue({ sql, schema }: Db): Promise<boolean> {
  const [row] = await sql<{ hasFired: boolean }[]>`
    select ${schema}.pool_fire_due() as has_fired`;
  return row?.hasFired === true;
}
