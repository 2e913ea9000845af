import { integers, texts } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";
import type { RunnablePosting } from "./leases.ts";

/** A posting that a pool refuses to run: its oldest refusal by any pool (H1). */
export interface OldestRefusal {
  postingId: number;
  oldest: number;
}

/** Records which postings a pool refuses to run, each with the reason. */
export const refusePostings = (
  { sql, schema }: Db,
  poolId: number,
  refused: ReadonlyMap<number, string>,
) => sql<OldestRefusal[]>`
  select * from ${schema}.pool_refuse(
    ${poolId}, ${integers([...refused.keys()])}::bigint[],
    ${texts([...refused.values()])}::text[])`;

/** At most `most` postings of a route that would be claimed next, except for postings in `skip`. */
export async function readNextPostings(
  { sql, schema }: Db,
  routeId: number,
  skip: readonly number[],
  most: number,
): Promise<RunnablePosting[]> {
  const rows = await sql<{ posting: RunnablePosting }[]>`
    select posting from ${schema}.pool_runnable(array(
      select distinct posting_id from (
        select posting_id from ${schema}.lane
        where route_id = ${routeId} and state = 'open'
          and posting_id <> all (${integers(skip)}::bigint[])
        order by effective_priority desc, posting_id, priority desc limit ${most}) next))`;
  return rows.map(({ posting }) => posting);
}

/** The open postings among these that were refused. */
export const readRefusals = ({ sql, schema }: Db, ids: readonly number[]) => sql<OldestRefusal[]>`
  select f.posting_id, min(f.id) as oldest
  from ${schema}.refusal f join ${schema}.posting p on p.id = f.posting_id
  where f.posting_id = any (${integers(ids)}::bigint[]) and p.state = 'open'
    and p.ended_at is null
  group by f.posting_id`;

/** Retracts the refusals of a pool for postings that it runs after all. */
export const retractRefusals = ({ sql, schema }: Db, poolId: number, ids: readonly number[]) => sql`
  select ${schema}.pool_retract(${poolId}, ${integers(ids)}::bigint[])`;
