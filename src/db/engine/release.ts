import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";
import { inLeaseOrder, type LeasedRange } from "./leases.ts";

/** Releases the unfinished jobs of leases, except for the jobs in `keep`; returns their number. */
export async function release(
  { sql, schema }: Db,
  poolId: number,
  leaseIds: readonly number[],
  keep: readonly LeasedRange[] = [],
): Promise<number> {
  const kept = joined(keep);
  const [row] = await sql<{ back: number }[]>`
    select ${schema}.pool_release(
      ${poolId}, ${integers(leaseIds)}::bigint[],
      ${integers(kept.map((r) => r.leaseId))}::bigint[],
      ${integers(kept.map((r) => r.postingId))}::bigint[],
      ${integers(kept.map((r) => r.firstSeq))}::integer[],
      ${integers(kept.map((r) => r.endSeq))}::integer[],
      ${integers(kept.map((r) => r.attempt))}::integer[]) as back`;
  return row?.back ?? 0;
}

/** Joins adjacent ranges, because a lease is searched for each of its outcomes. */
function joined(ranges: readonly LeasedRange[]): LeasedRange[] {
  const all: LeasedRange[] = [];
  for (const range of ranges.toSorted(inLeaseOrder)) {
    const last = all.at(-1);
    const isNext =
      last?.leaseId === range.leaseId &&
      last.postingId === range.postingId &&
      last.attempt === range.attempt &&
      last.endSeq === range.firstSeq;
    if (isNext) last.endSeq = range.endSeq;
    else all.push({ ...range });
  }
  return all;
}

/**
 * Releases the leases that the database has for a pool and that the pool does not know. False if
 * there may be more of them soon, of a claim whose connection was lost and that goes on.
 */
export async function releaseUnknown(
  { sql, schema }: Db,
  poolId: number,
  known: readonly number[],
): Promise<boolean> {
  // In this order: the leases of a claim that has ended are visible.
  const [row] = await sql<{ isClaiming: boolean }[]>`
    select ${schema}.pool_is_claiming(${poolId}) as is_claiming`;
  await sql`
    select ${schema}.pool_release_unknown(${poolId}, ${integers(known)}::bigint[])`;
  return row?.isClaiming === false;
}
