import type { Db, Tx } from "../../connection/connect.ts";

/**
 * Runs a statement that adds up millions of attempts. The settings are sent with it and hold for it
 * alone, so that they pass any pooler: sorting takes three times as long as hashing, and spilling
 * to the disk longer still.
 */
export async function inRead<Row>(
  { sql }: Pick<Db, "sql">,
  statement: (tx: Tx) => PromiseLike<readonly Row[]>,
): Promise<Row[]> {
  const [, found] = await sql.begin("read only", (tx) =>
    Promise.all([
      tx`
        select set_config(name, value, true)
        from (values ('jit', 'off'), ('enable_sort', 'off'), ('work_mem', '64MB'))
          as s (name, value)`,
      statement(tx),
    ]),
  );
  return [...found];
}
