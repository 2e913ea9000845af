import type { Db } from "../connection/connect.ts";

/** Whether the caller can read outcomes and schedules; a role for pools alone cannot. */
export async function canReadOutcomes({ sql, schema }: Db): Promise<boolean> {
  const [row] = await sql<{ can: boolean }[]>`
    select ${schema}.has_grant('poster', 'viewer', 'operator') as can`;
  return row?.can === true;
}
