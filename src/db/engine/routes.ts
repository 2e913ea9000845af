import type { RouteInTurn } from "../../domain/route.ts";
import { integers, texts } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/**
 * The routes of unfinished postings that the caller's pools may serve, by id: of one project (R4),
 * or of any project if `project` is null. With `run`, the route of that run's pool (R2).
 */
export const readRoutes = (
  { sql, schema }: Db,
  { run = "", project = null }: { run?: string; project?: string | null } = {},
) => sql<RouteInTurn[]>`
  select * from ${schema}.pool_routes(${run}, ${project})`;

/** The first job of a route that waits and is due. */
export interface RouteHead {
  routeId: number;
  priority: number;
  postingId: number;
  /** The time since it was posted, in ms. */
  waitedMs: number;
}

/**
 * The first jobs of some routes, without those of the postings `skip`; of some postings, or of all
 * if `postings` is null. Nothing for a route without jobs that could be claimed.
 */
export const readHeads = (
  { sql, schema }: Db,
  routes: readonly number[],
  skip: readonly number[],
  postings: readonly number[] | null,
) => sql<RouteHead[]>`
  select * from ${schema}.pool_heads(
    ${integers(routes)}::integer[], ${integers(skip)}::bigint[],
    ${postings === null ? null : integers(postings)}::bigint[])`;

/** The unfinished postings of a pool that serves only `postings`, each as 42 or @night. */
export async function findServed(
  { sql, schema }: Db,
  postings: readonly string[],
): Promise<number[]> {
  const names = postings.filter((text) => text.startsWith("@")).map((text) => text.slice(1));
  const ids = postings.filter((text) => !text.startsWith("@")).map(Number);
  const rows = await sql<{ id: number }[]>`
    select id from ${schema}.posting
    where ended_at is null
      and (id = any (${integers(ids)}::bigint[]) or name = any (${texts(names)}::text[]))
    order by id`;
  return rows.map(({ id }) => id);
}

/**
 * The postings among `ids` that a `pdoflow run` has posted: only the pool of that run serves them.
 */
export async function findOfRuns({ sql, schema }: Db, ids: readonly number[]): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select p.id from ${schema}.posting p join ${schema}.route r on r.id = p.route_id
    where p.id = any (${integers(ids)}::bigint[]) and r.run <> '' order by p.id`;
  return rows.map(({ id }) => id);
}

/** Deletes the routes that no posting uses any more. */
export async function pruneRoutes({ sql, schema }: Db, most: number): Promise<void> {
  for (;;) {
    const [row] = await sql<{ gone: number }[]>`select ${schema}.prune_routes(${most}) as gone`;
    if (row === undefined || row.gone === 0) return;
  }
}
