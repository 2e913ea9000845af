import type { RouteInTurn } from "../domain/route.ts";
import { integers } from "./array.ts";
import type { Db } from "./connect.ts";

/**
 * The routes that pools of a project may serve (R4), or of any where that is null. With `run`, the
 * route of the pool of that run (R2). By id.
 */
export const readRoutes = (
  { sql, schema }: Db,
  { run = "", project = null }: { run?: string; project?: string | null } = {},
) => sql<RouteInTurn[]>`
  select id, poster, poster_os, needs, run, project, ${schema}.share_of(poster) as share
  from ${schema}.route
  where run = ${run} and ${project === null ? sql`true` : sql`project in ('', ${project})`}
  order by id`;

/** Those of the postings that a `pdoflow run` has posted: only the pool of that run serves them. */
export async function findOfRuns({ sql, schema }: Db, ids: readonly number[]): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select p.id from ${schema}.posting p join ${schema}.route r on r.id = p.route_id
    where p.id = any (${integers(ids)}::bigint[]) and r.run <> '' order by p.id`;
  return rows.map(({ id }) => id);
}

/** Deletes the routes of runs whose postings are gone: each run makes one, the others are few. */
export const pruneRoutes = ({ sql, schema }: Db) => sql`
  delete from ${schema}.route r
  where run <> '' and not exists (select from ${schema}.posting p where p.route_id = r.id)`;
