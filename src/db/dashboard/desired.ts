import * as v from "valibot";

import type { Provides } from "../../domain/capabilities.ts";
import { parse } from "../../domain/parse.ts";
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

/** What jobs could keep busy, for pools with any number of slots. */
export interface DesiredSlots {
  slots: number;
  /** The number of pools that have the amounts, such as gpus, which these jobs take at a time. */
  resourcePools: number;
}

/** How much the queue could keep busy now (`desired` in sql/api/scaler.sql). */
export async function readDesired(db: Db, pools: ScaledPools): Promise<Desired> {
  const [row] = await desiredQuery(db.sql, db, pools);
  return desiredOf(parse(Row, row?.value, "the slots that are needed"), pools);
}

/** The same for any number of slots; the server cancels the statement after `timeoutMs`. */
export const readDesiredSlots = async (
  db: Db,
  pools: Omit<ScaledPools, "slots">,
  timeoutMs: number,
): Promise<DesiredSlots> =>
  parse(Row, await readOne(db, (tx) => desiredQuery(tx, db, pools), timeoutMs), "the slots");

/** The same with pools of N slots each. */
export const desiredOf = (
  { slots, resourcePools }: DesiredSlots,
  pools: Pick<ScaledPools, "slots">,
): Desired => ({ slots, pools: Math.max(Math.ceil(slots / pools.slots), resourcePools) });

const Row = v.object({ slots: v.number(), resourcePools: v.number() });

const desiredQuery = (
  sql: Sql | Tx,
  { schema }: Pick<Db, "schema">,
  { provides, project }: Omit<ScaledPools, "slots">,
) => sql<{ value: unknown }[]>`
  select json_build_object('slots', slots, 'resourcePools', resource_pools) as value
  from ${schema}.desired(
    ${provides === null ? null : JSON.stringify(provides)}::text::jsonb, ${project})`;
