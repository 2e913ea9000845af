import type { Db } from "../connection/connect.ts";

export interface RescuedPool {
  poolId: number;
  host: string;
  /** How many jobs went back into the queue. */
  jobs: number;
}

/** Puts back into the queue what pools held whose heartbeat has stopped. */
export async function rescuePools({ sql, schema }: Db): Promise<RescuedPool[]> {
  const all: RescuedPool[] = [];
  for (;;) {
    const [rescued] = await sql<RescuedPool[]>`
      select pool_id, host, jobs from ${schema}.pool_rescue()`;
    if (!rescued) return all;
    all.push(rescued);
  }
}
