import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import type { Db, Tx, Sql } from "../connection/connect.ts";
import { isAlive } from "../connection/live-pools.ts";

/** A living pool whose program is too old for a version of the schema. */
export interface OlderPool {
  /** Its number, as people see it. */
  id: number;
  host: string;
  version: string;
}

/**
 * The living pools (O3) whose programs were made for a schema before `version`. Reads only columns
 * that the first version of the schema had.
 */
export async function olderPools(
  { sql, schema }: { sql: Sql | Tx; schema: Db["schema"] },
  version: number,
): Promise<OlderPool[]> {
  return await sql<OlderPool[]>`
    select number as id, host, version from ${schema}.pool
    where ${isAlive(sql)} and schema_version < ${version}
    order by number`;
}

/** This program needs a version of the schema that older pools would not survive. */
export class OlderPoolsRun extends PdoflowError {
  override readonly name = "OlderPoolsRun";
  readonly exitCode = exitCodes.database;
  constructor(schema: string, name: string, pools: readonly OlderPool[]) {
    super(
      `expected no pools of older versions, because ${name} removes from schema "${schema}" what ` +
        `they use; found ${listed(pools)}. Nothing was changed. Upgrade these pools, or let them ` +
        "finish their running jobs and end, with: pdoflow migrate --end-older-pools",
    );
  }
}

/** Such as "pool 3 on a.example (0.1.0) and 2 more". */
export function listed(pools: readonly OlderPool[]): string {
  const named = pools
    .slice(0, 5)
    .map(({ id, host, version }) => `pool ${id} on ${host} (${version})`);
  const more = pools.length - named.length;
  return named.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
