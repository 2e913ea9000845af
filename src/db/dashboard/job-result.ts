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
    from (select result::text as result from ${schema}.job_status
          where posting_id = ${postingId} and seq = ${seq} offset 0) s`;
  return row && row.text !== null && row.length !== null
    ? { text: row.text, length: row.length }
    : null;
}
