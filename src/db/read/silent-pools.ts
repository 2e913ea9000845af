import type { Route } from "../../domain/route.ts";
import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";
import { isSilent } from "../connection/live-pools.ts";
import { routeObject } from "./routed-postings.ts";

/** A pool that has not ended, without a heartbeat for longer than its heartbeat timeout. */
export interface SilentPool {
  id: number;
  host: string;
  beatAgoMs: number;
}

/** A pool `o` as an object, as a {@link SilentPool}. */
export const silentPoolObject = ({ sql }: Pick<Db, "sql">) => sql`
  json_build_object('id', o.number, 'host', o.host, 'beatAgoMs',
    (extract(epoch from clock_timestamp() - o.heartbeat_at) * 1000)::float8)`;

/** A posting, and the silent pools that have claimed jobs of it. */
export interface SilentPoolsOfPosting {
  id: number;
  route: Route;
  silent: SilentPool[];
}

/** The postings among `ids` of which silent pools have claimed jobs. */
export async function readSilentPools(
  { sql, schema }: Db,
  ids: readonly number[],
): Promise<SilentPoolsOfPosting[]> {
  if (ids.length === 0) return [];
  return await sql<SilentPoolsOfPosting[]>`
    select p.id, ${routeObject({ sql })} as route, s.silent
    from ${schema}.posting p join ${schema}.route r on r.id = p.route_id cross join lateral (
      select json_agg(${silentPoolObject({ sql })} order by o.number) as silent
      from ${schema}.pool o
      where ${isSilent(sql)} and exists (
        select from ${schema}.lease l
        where l.pool_id = o.id and l.active and p.id = any (l.posting_ids))) s
    where p.id = any (${integers(ids)}::bigint[]) and s.silent is not null
    order by p.id`;
}
