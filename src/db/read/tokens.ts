import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** A posting as it was posted (P20). */
export interface PostingToken {
  id: number;
  token: number;
}

/** The tokens of the existing postings with these numbers. */
export async function readTokens(
  { sql, schema }: Db,
  ids: readonly number[],
): Promise<Map<number, number>> {
  const rows = await sql<PostingToken[]>`
    select id, token from ${schema}.posting where id = any (${integers(ids)}::bigint[])`;
  return new Map(rows.map(({ id, token }) => [id, token]));
}
