import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** The trace contexts of those of these postings that have one. */
export async function readTraceparents(
  { sql, schema }: Db,
  ids: readonly number[],
): Promise<Map<number, string>> {
  const rows = await sql<{ id: number; traceparent: string }[]>`
    select id, traceparent from ${schema}.posting
    where id = any (${integers(ids)}::bigint[]) and traceparent is not null`;
  return new Map(rows.map(({ id, traceparent }) => [id, traceparent]));
}
