import type { GatheredPage } from "../../domain/upstream.ts";
import type { Db } from "../connection/connect.ts";

/** A job that a pool has leased and that reads results of another posting (P13). */
export interface GatheringJob {
  poolId: number;
  postingId: number;
  seq: number;
}

/** Results of its upstream, from an index on: about 1 MiB, at least one. */
export async function readUpstream(
  { sql, schema }: Db,
  { poolId, postingId, seq }: GatheringJob,
  first: number,
): Promise<GatheredPage> {
  const [page] = await sql<GatheredPage[]>`
    select states, texts from ${schema}.pool_upstream(${poolId}, ${postingId}, ${seq}, ${first})`;
  if (!page) throw new Error("a function that returns one row returned none");
  return page;
}
