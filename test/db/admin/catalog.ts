import type { Sql } from "../../../src/db/connection/connect.ts";

/**
 * Describes everything that the schema pdoflow consists of, a line for each part: two schemas with
 * the same lines behave in the same way. The columns of a table are compared by name, not position.
 */
export async function catalogOf(sql: Sql): Promise<string[]> {
  const rows = await sql<{ line: string }[]>`
    with home as (select 'pdoflow'::regnamespace::oid as oid),
    relation as (
      select c.* from pg_class c, home
      where c.relnamespace = home.oid and not relispartition
        and c.relname !~ '^(job|outcome)_\d')
    select format('function %s %s %s', p.oid::regprocedure, p.proacl, pg_get_functiondef(p.oid))
      as line
    from pg_proc p, home where p.pronamespace = home.oid
    union all
    select format('%s %s %s %s %s %s', relkind, relname, relpersistence, relrowsecurity, reloptions,
                  relacl)
    from relation where relkind <> 'i'
    union all
    select format('column %s.%s %s %s %s %s %s %s', relname, attname,
                  format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, attacl,
                  pg_get_expr(adbin, adrelid))
    from relation r join pg_attribute a on a.attrelid = r.oid
      left join pg_attrdef d on d.adrelid = attrelid and d.adnum = attnum
    where attnum > 0 and not attisdropped and relkind in ('r', 'p', 'v', 'c')
    union all
    select format('constraint %s.%s %s', relname, conname, pg_get_constraintdef(c.oid))
    from relation r join pg_constraint c on c.conrelid = r.oid
    union all
    select format('index %s', pg_get_indexdef(oid)) from relation where relkind in ('i', 'I')
    union all
    select format('view %s', pg_get_viewdef(oid)) from relation where relkind = 'v'
    union all
    select format('policy %s.%s %s %s %s', tablename, policyname, cmd, roles, qual)
    from pg_policies where schemaname = 'pdoflow'
    union all
    select format('trigger %s', pg_get_triggerdef(t.oid))
    from pg_trigger t join relation r on r.oid = t.tgrelid where not tgisinternal
    union all
    select format('type %s %s', typname, array(
      select enumlabel from pg_enum where enumtypid = t.oid order by enumsortorder))
    from pg_type t, home where t.typnamespace = home.oid and typtype in ('e', 'c')
    union all
    select format('comment %s %s %s', relname, objsubid, description)
    from pg_description join relation r on r.oid = objoid and classoid = 'pg_class'::regclass
    order by line`;
  return rows.map(({ line }) => line);
}
