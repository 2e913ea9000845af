import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** The result of checking the edges of some postings. */
interface Settled {
  /** The last posting that was checked; null if no more wait. */
  lastId: number | null;
  /** The number of postings that were opened or cancelled. */
  settled: number;
}

/**
 * Opens the postings that wait for `upstreams` (null for any) and need not wait any longer. Returns
 * the number of postings that were opened or cancelled.
 */
export async function settle(db: Db, upstreams: readonly number[] | null): Promise<number> {
  let [after, settled] = [0, 0];
  for (;;) {
    const done = await settleNext(db, upstreams, after);
    settled += done.settled;
    if (done.lastId === null) return settled;
    after = done.lastId;
  }
}

/** Checks the edges of the next postings after `after`, at most 1,000. */
export async function settleNext(
  { sql, schema }: Db,
  upstreams: readonly number[] | null,
  after: number,
): Promise<Settled> {
  const [row] = await sql<Settled[]>`
    select * from ${schema}.pool_settle(
      ${upstreams && integers(upstreams)}::bigint[], ${after}::bigint)`;
  return row ?? { lastId: null, settled: 0 };
}
