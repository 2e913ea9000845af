import { messageOf } from "../../domain/errors.ts";
import { type Db, errorCode } from "../connection/connect.ts";

/** A disk with less room than this is about to be full: the server's log grows by 16 MiB. */
const rows = 8_192;
const rowBytes = 1_900; // four in a page, none compressed

/**
 * Writes 16 MiB to a temporary table in each tablespace of the queue, and rolls it back: nothing
 * else shows whether a disk is full. Returns the tablespaces in which that failed.
 */
export async function probeTablespaces(db: Db): Promise<{ name: string; reason: string }[]> {
  const full: { name: string; reason: string }[] = [];
  for (const name of await readTablespaces(db)) {
    try {
      await writeProbe(db, name);
    } catch (error) {
      // A full disk, or one with errors. Else this role lacks a right, or the server only reads.
      if (!/^(53100|58)/.test(errorCode(error) ?? "")) continue;
      full.push({ name, reason: messageOf(error) });
    }
  }
  return full;
}

async function readTablespaces({ sql, target }: Db): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select distinct t.spcname as name
    from pg_database d
      left join pg_class c on c.relnamespace = to_regnamespace(quote_ident(${target.schema}))
      join pg_tablespace t
        on t.oid in (d.dattablespace, coalesce(nullif(c.reltablespace, 0), d.dattablespace))
    where d.datname = current_database() order by 1`;
  return rows.map(({ name }) => name);
}

class Undone extends Error {
  override readonly name = "Undone";
}

async function writeProbe({ sql }: Db, tablespace: string): Promise<void> {
  const written = sql.begin(async (tx) => {
    await tx`
      create temporary table pdoflow_probe tablespace ${tx(tablespace)} as
      select repeat('x', ${rowBytes}::integer) as filler from generate_series(1, ${rows}::integer)`;
    throw new Undone("what was written is rolled back");
  });
  await written.catch((error: unknown) => {
    if (!(error instanceof Undone)) throw error;
  });
}
