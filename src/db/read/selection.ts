import type { LiveState } from "../../domain/states.ts";
import type { PostingPick } from "../../domain/selector.ts";
import type { Db } from "../connection/connect.ts";
import { isInState } from "./lists.ts";

/** The numbers of the postings that a selection means, in order; empty if there are none. */
export async function findPicked({ sql, schema }: Db, pick: PostingPick): Promise<number[]> {
  const rows = await (() => {
    switch (pick.by) {
      case "number":
        return sql<{ id: number }[]>`select id from ${schema}.posting where id = ${pick.id}`;
      case "last":
        return sql<{ id: number }[]>`
          select id from (
            select id from ${schema}.posting order by id desc limit ${pick.count}) newest
          order by id`;
      case "name":
        return sql<{ id: number }[]>`
          select id from ${schema}.posting where name = ${pick.name} order by id desc limit 1`;
    }
  })();
  return rows.map(({ id }) => id);
}

/** The unfinished postings in a state, the oldest first. */
export async function findInState({ sql, schema }: Db, state: LiveState): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select id from ${schema}.posting p
    where p.ended_at is null and ${isInState({ sql, schema }, state)} order by id`;
  return rows.map(({ id }) => id);
}
