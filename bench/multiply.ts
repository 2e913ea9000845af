// A database of any size, by copies of one posting that has been drained.
import type { Db } from "../src/db/connection/connect.ts";

const copiesATransaction = 20;

/** Adds copies of a posting with all that belongs to it, in spans as if they had been posted. */
export async function multiply({ sql }: Db, posting: number, copies: number): Promise<void> {
  for (let left = copies; left > 0; left -= copiesATransaction) {
    await sql`select pdoflow.next_span()`;
    await sql.begin(async (tx) => {
      await tx`
        create temporary table copy on commit drop as
        select pdoflow.take_posting_id() as id
        from generate_series(1, ${Math.min(left, copiesATransaction)})`;
      // Of all tables with a number of a posting, whichever there are.
      const statements = await tx<{ text: string }[]>`
        select format('insert into pdoflow.%1$I (%2$I %3$s)
                         overriding system value select copy.id %4$s
                       from copy, pdoflow.%1$I one where one.%2$I = ${tx.unsafe(String(posting))}',
                      c.relname, key.attname, string_agg(format(', %I', a.attname), ''),
                      string_agg(format(', one.%I', a.attname), '')) as text
        from pg_class c
          join pg_attribute key on key.attrelid = c.oid and not key.attisdropped
            and key.attname = case c.relname when 'posting' then 'id' else 'posting_id' end
          join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            and a.attname <> key.attname and a.attgenerated = '' and a.attidentity = ''
        where c.relnamespace = 'pdoflow'::regnamespace and c.relkind in ('r', 'p')
          and not c.relispartition
        group by c.relname, key.attname
        order by c.relname <> 'posting'`;
      for (const { text } of statements) await tx.unsafe(text);
    });
  }
}
