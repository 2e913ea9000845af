import * as v from "valibot";

import { parse } from "../../domain/parse.ts";
import type { PruneOptions } from "./prune.ts";
import type { Db } from "../connection/connect.ts";

/** A prune of a schedule that this pool has begun. */
export interface DuePrune {
  scheduleId: number;
  /** As a text: the driver's Date has only milliseconds. */
  nominalAt: string;
  options: PruneOptions;
}

const Options = v.object({
  olderThanMs: v.number(),
  states: v.array(v.picklist(["finished", "cancelled"])),
});

/** Begins a prune that is due; null if none is, or if this role may not prune. */
export async function pruneDue({ sql, schema }: Db): Promise<DuePrune | null> {
  const [row] = await sql<{ scheduleId: number; nominalAt: string; options: unknown }[]>`
    select schedule_id, nominal_at::text, options from ${schema}.pool_prune_due()`;
  return row ? { ...row, options: parse(Options, row.options, "options of a prune") } : null;
}

/** Notes its end: what was pruned, or why not. */
export const endPrune = (
  { sql, schema }: Db,
  { scheduleId, nominalAt }: DuePrune,
  outcome: "pruned" | "refused",
  reason: string,
) => sql`
  select ${schema}.pool_end_prune(
    ${scheduleId}::bigint, ${nominalAt}::text::timestamptz, ${outcome}, ${reason})`;
