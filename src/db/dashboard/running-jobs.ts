import type { Db } from "../connection/connect.ts";

/**
 * The indices of jobs of a posting that pools have been running for a while, as their last
 * heartbeats reported. Leases hold far more jobs than there are workers, so they say less.
 */
export async function readRunningIndices(
  { sql, schema }: Db,
  postingId: number,
  most: number,
): Promise<number[]> {
  const rows = await sql<{ index: number }[]>`
    select coalesce(j.index, j.seq) as index
    from ${schema}.pool p
      cross join lateral jsonb_to_recordset(${schema}.running_jobs(p.id))
        as r (posting bigint, seq integer)
      cross join lateral (
        select index, seq from ${schema}.job
        where posting_id = ${postingId} and seq = r.seq offset 0) j
    where p.state in ('up', 'draining') and r.posting = ${postingId}
    order by 1 limit ${most}`;
  return rows.map(({ index }) => index);
}
