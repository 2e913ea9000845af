import type { Db, Tx } from "../connection/connect.ts";

/** What a look may cost the server at most. */
const mostMs = 5_000;

/**
 * The value of the one column of the one row of a statement, sent together with the settings that
 * hold for it alone, whatever pooler is in between. It is planned without compiling it, and without
 * reading whole tables where an index serves: plans are made while tables are small, and kept.
 */
export async function readOne(
  { sql }: Db,
  statement: (tx: Tx) => PromiseLike<readonly { value: unknown }[]>,
): Promise<unknown> {
  const [, rows] = await sql.begin((tx) =>
    Promise.all([
      tx`
        select set_config('statement_timeout', ${String(mostMs)}, true),
               set_config(name, 'off', true)
        from unnest(array['jit', 'enable_seqscan', 'enable_mergejoin']) as name`,
      statement(tx),
    ]),
  );
  const [row] = rows;
  if (!row) throw new Error("a select of one row returned none");
  return row.value;
}
