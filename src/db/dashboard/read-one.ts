import type { Db, Tx } from "../connection/connect.ts";

/**
 * Reads one value of one row; the server cancels the statement after `timeoutMs`. The settings
 * are sent with the statement and hold for it alone, so that they pass any pooler. Compilation
 * and sequential scans are off: plans are made and kept while tables are small.
 */
export async function readOne(
  { sql }: Db,
  statement: (tx: Tx) => PromiseLike<readonly { value: unknown }[]>,
  timeoutMs = 5_000,
): Promise<unknown> {
  const [, rows] = await sql.begin((tx) =>
    Promise.all([
      tx`
        select set_config('statement_timeout', ${String(timeoutMs)}, true),
               set_config(name, 'off', true)
        from unnest(array['jit', 'enable_seqscan', 'enable_mergejoin']) as name`,
      statement(tx),
    ]),
  );
  const [row] = rows;
  if (!row) throw new Error("a select of one row returned none");
  return row.value;
}
