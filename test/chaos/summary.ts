import type { Db } from "../../src/db/connection/connect.ts";
import type { Chronicle } from "./chronicle.ts";

/** What happened in a run, a line for each count. */
export async function summary(
  { sql, schema }: Db,
  { counts, startedAt }: Chronicle,
): Promise<string> {
  const [totals] = await sql<Record<string, number>[]>`
    select (select count(*) from ${schema}.posting)::integer as "postings",
           (select sum(end_seq - first_seq) from ${schema}.job)::integer as "jobs",
           (select count(*) from ${schema}.pool)::integer as "pools registered",
           (select count(*) from ${schema}.pool where state = 'lost')::integer as "pools lost",
           (select sum(refused) from ${schema}.pool)::integer as "outcomes refused"`;
  const attempts = await sql<{ state: string; count: number }[]>`
    select state, count(*)::integer as count from ${schema}.outcome group by state order by state`;
  const rows: [string, number][] = [
    ...[...counts].toSorted(([a], [b]) => a.localeCompare(b)),
    ...Object.entries(totals ?? {}),
    ...attempts.map(({ state, count }): [string, number] => [`attempts ${state}`, count]),
    ["seconds in all", Math.round((Date.now() - startedAt) / 1000)],
  ];
  const width = Math.max(...rows.map(([what]) => what.length));
  return rows.map(([what, count]) => `${what.padEnd(width)} ${count}`).join("\n");
}
