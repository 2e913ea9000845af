import type { Db } from "../connection/connect.ts";

export interface RescuedPool {
  poolId: number;
  host: string;
  /** The number of jobs that returned to the queue. */
  jobs: number;
}

/** Puts jobs of pools whose heartbeat has stopped back into the queue. */
export async function rescuePools({ sql, schema }: Db): Promise<RescuedPool[]> {
  const all: RescuedPool[] = [];
  for (;;) {
    const [rescued] = await sql<RescuedPool[]>`
      select pool_id, host, jobs from ${schema}.pool_rescue()`;
    if (!rescued) return all;
    all.push(rescued);
  }
}
