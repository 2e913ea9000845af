import type { Route } from "../domain/route.ts";
import type { Db, Tx } from "./connect.ts";
import type { NewPosting } from "./postings.ts";

/** The routes that any pool may serve or, with `run`, that of the pool of that run (R2); by id. */
export const readRoutes = ({ sql, schema }: Db, run = "") => sql<Route[]>`
  select id, poster, poster_os, needs, run from ${schema}.route where run = ${run} order by id`;

/** The route of a posting, made where it is the first one of its kind. */
export async function findRoute(
  { schema }: Db,
  sql: Tx,
  { osUser, needs = [], run = "" }: NewPosting,
): Promise<number> {
  const json = JSON.stringify(needs);
  const find = () => sql<{ id: number }[]>`
    select id from ${schema}.route
    where poster = session_user and poster_os = ${osUser} and needs = ${json}::text::jsonb
      and run = ${run}`;
  let [route] = await find();
  if (!route) {
    await sql`
      insert into ${schema}.route (poster, poster_os, needs, run)
      values (session_user, ${osUser}, ${json}::text::jsonb, ${run})
      on conflict do nothing`;
    [route] = await find(); // another poster's row, where theirs came first
  }
  if (!route) throw new Error("a route that was inserted is not there");
  return route.id;
}

/** Deletes the routes of runs whose postings are gone: each run makes one, the others are few. */
export const pruneRoutes = ({ sql, schema }: Db) => sql`
  delete from ${schema}.route r
  where run <> '' and not exists (select from ${schema}.posting p where p.route_id = r.id)`;
