import type { Db } from "../connection/connect.ts";

/** Deletes the flows without postings (F3). */
export async function pruneFlows({ sql, schema }: Db, most: number): Promise<void> {
  for (;;) {
    const [row] = await sql<{ gone: number }[]>`select ${schema}.prune_flows(${most}) as gone`;
    if (row === undefined || row.gone === 0) return;
  }
}
