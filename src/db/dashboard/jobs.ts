import type { Db } from "../connection/connect.ts";

/** Longer results are shown in part. */
const mostCharacters = 16_384;

/** The return value of a done job as JSON text, cut to its beginning; null if there is none. */
export async function readJobResult(
  { sql, schema }: Db,
  { postingId, seq }: { postingId: number; seq: number },
): Promise<{ text: string; length: number } | null> {
  const [row] = await sql<{ text: string | null; length: number | null }[]>`
    select left(result, ${mostCharacters}) as text, length(result) as length
    from (select result::text as result
          from ${schema}.jobs_between(${postingId}, ${seq}, ${seq + 1}, false)) j`;
  return row && row.text !== null && row.length !== null
    ? { text: row.text, length: row.length }
    : null;
}

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
    select case when o.is_sorted then ${schema}.index_of(o.id, r.seq) else r.seq end as index
    from ${schema}.pool p
      cross join lateral jsonb_to_recordset(${schema}.running_jobs(p.id))
        as r (posting bigint, seq integer)
      cross join (select id, is_sorted from ${schema}.posting where id = ${postingId}) o
    where p.state in ('up', 'draining') and r.posting = ${postingId}
    order by 1 limit ${most}`;
  return rows.map(({ index }) => index);
}
