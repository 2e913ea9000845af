import { expect, test } from "bun:test";
import { createRequire } from "node:module";
import { join } from "node:path";

import { freshDatabase, type TestDatabase } from "../database.ts";
import { emptyProject } from "./project.ts";

const plain = (text: string) => text.replaceAll(/--[^\n]*/g, "").replaceAll(/\s+/g, " ");

/** All that is in the schema, as statements that would make it; without comments. */
async function everything({ sql }: TestDatabase): Promise<string[]> {
  const rows = await sql<{ made: string }[]>`
    with home as (select 'pdoflow'::regnamespace as id)
    select pg_get_functiondef(p.oid) as made from pg_proc p, home where p.pronamespace = home.id
    union all
    select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(c.oid)
    from pg_constraint c, home where c.connamespace = home.id
    union all
    select pg_get_indexdef(c.oid) from pg_class c, home
    where c.relnamespace = home.id and c.relkind = 'i'
    union all
    select relname || ' ' || pg_get_viewdef(c.oid) from pg_class c, home
    where c.relnamespace = home.id and c.relkind = 'v'
    union all
    select pg_get_triggerdef(t.oid) from pg_trigger t where not tgisinternal
    union all
    select concat_ws(' ', attrelid::regclass, attname, format_type(atttypid, atttypmod),
                     attnotnull, pg_get_expr(adbin, adrelid))
    from pg_attribute a join pg_class c on c.oid = attrelid cross join home
    left join pg_attrdef d on adrelid = attrelid and adnum = attnum
    where c.relnamespace = home.id and c.relkind = 'r' and attnum > 0`;
  return rows.map(({ made }) => plain(made)).sort();
}

test("what the package makes for pdoflow/testing is the schema that pdoflow migrate makes", async () => {
  await using project = await emptyProject();
  await using migrated = await freshDatabase();
  await using packed = await freshDatabase();
  await packed.sql`drop schema pdoflow cascade`;
  await packed.sql`create schema pdoflow`;
  await packed.sql`
    create table pdoflow.migration (
      number integer primary key, name text not null, applied_at timestamptz not null default now())`;
  const load = createRequire(join(project.folder, "package.json"));
  const texts = load("./node_modules/pdoflow/sql/texts.cjs") as string[];
  for (const text of texts) await packed.sql.unsafe(text);
  const made = await everything(packed);
  expect(made.length).toBeGreaterThan(200);
  expect(made).toEqual(await everything(migrated));
}, 120_000);
