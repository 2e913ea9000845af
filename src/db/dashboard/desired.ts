import type { Provides } from "../../domain/capabilities.ts";
import type { Db, Sql, Tx } from "../connection/connect.ts";
import { readOne } from "./read-one.ts";

/** The pools for which an autoscaler asks. */
export interface ScaledPools {
  /** Their capabilities; null for pools that meet any need. */
  provides: Provides | null;
  /** The worker slots of each. */
  slots: number;
  /** Their project; null for pools of any project. */
  project: string | null;
}

/** The number of worker slots that such pools could keep busy now, and of pools with as many. */
export interface Desired {
  slots: number;
  pools: number;
}

/** How much the queue could keep busy now (`desired_slots` in sql/api/scaler.sql). */
export async function readDesired(db: Db, pools: ScaledPools): Promise<Desired> {
  const [row] = await desiredQuery(db.sql, db, pools);
  return desiredOf(row?.value ?? 0, pools);
}

/** The same; the server cancels the statement after `timeoutMs`. */
export const readDesiredWithin = async (db: Db, pools: ScaledPools, timeoutMs: number) =>
  desiredOf(Number(await readOne(db, (tx) => desiredQuery(tx, db, pools), timeoutMs)), pools);

export const desiredOf = (slots: number, pools: Pick<ScaledPools, "slots">): Desired => ({
  slots,
  pools: Math.ceil(slots / pools.slots),
});

const desiredQuery = (
  sql: Sql | Tx,
  { schema }: Pick<Db, "schema">,
  { provides, project }: ScaledPools,
) => sql<{ value: number }[]>`
  select ${schema}.desired_slots(
    ${provides === null ? null : JSON.stringify(provides)}::text::jsonb, ${project}) as value`;
