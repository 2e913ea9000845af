import type { Route } from "../../domain/route.ts";
import type { PostingState } from "../../domain/states.ts";
import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

export interface RoutedPosting {
  id: number;
  state: PostingState;
  isEnded: boolean;
  route: Route;
}

/** A route `r` as an object. */
export const routeObject = ({ sql }: Pick<Db, "sql">) => sql`
  json_build_object('id', r.id, 'poster', r.poster, 'posterOs', r.poster_os,
                    'needs', r.needs, 'run', r.run, 'project', r.project)`;

/** Postings with their routes, in the order of their numbers. */
export const readRoutedPostings = ({ sql, schema }: Db, ids: readonly number[]) => sql<
  RoutedPosting[]
>`
  select p.id, p.state, p.ended_at is not null as is_ended, ${routeObject({ sql })} as route
  from ${schema}.posting p join ${schema}.route r on r.id = p.route_id
  where p.id = any (${integers(ids)}::bigint[]) order by p.id`;

/** The newest 1,000 open postings of some routes that wait only for a pool, newest first. */
export const readOpenOfRoutes = ({ sql, schema }: Db, routes: readonly number[]) => sql<
  { id: number; name: string | null; routeId: number }[]
>`
  select id, name, route_id from ${schema}.posting
  where route_id = any (${integers(routes)}::integer[]) and ended_at is null and state = 'open'
    and not waits and run_at is null
  order by id desc limit 1000`;
