import type { Db } from "../../../src/db/connection/connect.ts";

/** More than all acts of one test may fetch by an index, and less than one whole table has. */
const manyRows = 15_000;

/**
 * Which of the tables that grow were read from one end to the other in this transaction, or by an
 * index but in large part.
 */
export const scannedIn = async ({ sql }: Db) =>
  (
    await sql<{ name: string }[]>`
      select name
      from pg_stat_xact_user_tables
        cross join lateral regexp_replace(relname, '_\\d+$', '') as name -- its spans, too
      where schemaname = 'pdoflow'
        and name in ('job', 'lane', 'lease', 'outcome', 'posting', 'progress', 'retry')
      group by name having sum(seq_scan) > 0 or sum(idx_tup_fetch) > ${manyRows}
      order by name`
  ).map(({ name }) => name);
