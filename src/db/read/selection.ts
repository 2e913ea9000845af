import type { LiveState } from "../../domain/states.ts";
import { notificationEntryPoint } from "../../domain/notification.ts";
import type { PostingPick } from "../../domain/selector.ts";
import type { Db } from "../connection/connect.ts";
import { isInState } from "./lists.ts";

/**
 * The numbers of the postings, or flows, that a selection means, in order; perhaps none.
 * Notifications are not among the last ones: nobody posted them.
 */
export async function findPicked(
  { sql, schema }: Db,
  pick: PostingPick,
  of: "posting" | "flow" = "posting",
): Promise<number[]> {
  const table = sql`${schema}.${sql(of)}`;
  const isOwn = of === "flow" ? sql`true` : sql`entry_point <> ${notificationEntryPoint}`;
  const rows = await (() => {
    switch (pick.by) {
      case "number":
        return sql<{ id: number }[]>`select id from ${table} where id = ${pick.id}`;
      case "last":
        return sql<{ id: number }[]>`
          select id from (
            select id from ${table} where ${isOwn} order by id desc limit ${pick.count}) newest
          order by id`;
      case "name":
        return sql<{ id: number }[]>`
          select id from ${table} where name = ${pick.name} order by id desc limit 1`;
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
