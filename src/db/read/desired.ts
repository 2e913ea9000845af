import type { Provides } from "../../domain/capabilities.ts";
import type { Db } from "../connection/connect.ts";

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
export async function readDesired(
  { sql, schema }: Db,
  { provides, slots, project }: ScaledPools,
): Promise<Desired> {
  const [row] = await sql<{ slots: number }[]>`
    select ${schema}.desired_slots(
      ${provides === null ? null : JSON.stringify(provides)}::text::jsonb, ${project}) as slots`;
  const found = row?.slots ?? 0;
  return { slots: found, pools: Math.ceil(found / slots) };
}
