import type { Route } from "../domain/route.ts";
import type { Db } from "./connect.ts";

/** The routes that any pool may serve or, with `run`, that of the pool of that run (R2); by id. */
export const readRoutes = ({ sql, schema }: Db, run = "") => sql<Route[]>`
  select id, poster, poster_os, needs, run from ${schema}.route where run = ${run} order by id`;

/** Deletes the routes of runs whose postings are gone: each run makes one, the others are few. */
export const pruneRoutes = ({ sql, schema }: Db) => sql`
  delete from ${schema}.route r
  where run <> '' and not exists (select from ${schema}.posting p where p.route_id = r.id)`;
