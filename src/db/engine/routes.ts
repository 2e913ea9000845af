import type { Route, RouteInTurn } from "../../domain/route.ts";
import type { PostingState } from "../../domain/states.ts";
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

export interface RoutedPosting {
  id: number;
  state: PostingState;
  isEnded: boolean;
  route: Route;
}

/** Postings with their routes, in the order of their numbers. */
export const readRoutedPostings = ({ sql, schema }: Db, ids: readonly number[]) => sql<
  RoutedPosting[]
>`
  select p.id, p.state, p.ended_at is not null as is_ended,
    json_build_object('id', r.id, 'poster', r.poster, 'posterOs', r.poster_os,
                      'needs', r.needs, 'run', r.run, 'project', r.project) as route
  from ${schema}.posting p join ${schema}.route r on r.id = p.route_id
  where p.id = any (${integers(ids)}::bigint[]) order by p.id`;

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
