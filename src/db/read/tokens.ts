import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** A posting as it was posted (P20). */
export interface PostingToken {
  id: number;
  token: number;
}

/** The first of `tokens` whose posting has gone, or whose number another posting has. */
export const firstLost = (
  tokens: Iterable<readonly [id: number, token: number]>,
  found: ReadonlyMap<number, number>,
): number | undefined => [...tokens].find(([id, token]) => found.get(id) !== token)?.[0];

/** The tokens of the existing postings with these numbers. */
export async function readTokens(
  { sql, schema }: Db,
  ids: readonly number[],
): Promise<Map<number, number>> {
  const rows = await sql<PostingToken[]>`
    select id, token from ${schema}.posting where id = any (${integers(ids)}::bigint[])`;
  return new Map(rows.map(({ id, token }) => [id, token]));
}
