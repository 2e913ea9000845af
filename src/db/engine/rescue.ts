import type { Db } from "../connection/connect.ts";

export interface RescuedPool {
  /** Its number, for people. */
  number: number;
  host: string;
  /** The number of its jobs that had not ended. */
  jobs: number;
  /** How many of them have used up their last attempt. All others returned to the queue. */
  failed: number;
}

/** Puts jobs of pools whose heartbeat has stopped back into the queue. */
export async function rescuePools({ sql, schema }: Db): Promise<RescuedPool[]> {
  const all: RescuedPool[] = [];
  for (;;) {
    const [rescued] = await sql<RescuedPool[]>`
      select pool as number, host, jobs, failed from ${schema}.pool_rescue()`;
    if (!rescued) return all;
    all.push(rescued);
  }
}
