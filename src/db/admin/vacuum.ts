import { type Db, errorCode, type Sql } from "../connection/connect.ts";

const longestWaitMs = 2_000;

/** A table of the queue's schema of which a share of the rows was deleted. */
export interface Shrunk {
  table: string;
  share: number;
}

/**
 * Frees the space of deleted rows: space at the end of a table returns to the disk, the rest is
 * used again. If most rows were deleted, new indexes are built beside the old ones, because vacuum
 * never makes an index smaller. Blocks no one.
 */
export async function vacuum(db: Db, shrunk: readonly Shrunk[]): Promise<void> {
  const { sql, schema } = db;
  const others = ["posting", "lane", "job_order", "lease", "pruned", "pool"];
  for (const table of others) await sql`vacuum (analyze) ${schema}.${sql(table)}`;
  for (const { table } of shrunk) await sql`vacuum (analyze) ${schema}.${sql(table)}`;
  // Building an index waits until all open transactions in the database have ended.
  if (await hasLongTransaction(db)) return;
  const most = shrunk.filter(({ share }) => share > 0.5).map(({ table }) => table);
  const tables = [...most, ...(await bloated(db))];
  await withoutLongWaits(db, async (sql) => {
    await dropHalfBuilt({ ...db, sql });
    for (const table of tables) await sql`reindex table concurrently ${schema}.${sql(table)}`;
  });
}

/**
 * Does something that waits for other transactions. If one of them takes too long, leaves the rest
 * to the next prune, including an index that is then half built.
 */
async function withoutLongWaits(
  { sql, isPooled }: Db,
  work: (sql: Sql) => Promise<void>,
): Promise<void> {
  if (isPooled) return await work(sql); // the setting would remain on a connection of the pooler
  const session = await sql.reserve();
  try {
    await session`set lock_timeout = ${session.unsafe(`'${longestWaitMs}ms'`)}`;
    await work(session);
  } catch (error) {
    if (errorCode(error) !== "55P03") throw error;
  } finally {
    await session`reset lock_timeout`.finally(() => session.release());
  }
}

async function hasLongTransaction({ sql }: Db): Promise<boolean> {
  const open = await sql`
    select from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend'
      and pid <> pg_backend_pid() and xact_start < clock_timestamp() - interval '10 s'`;
  return open.length > 0;
}

/** Indexes that a killed prune was building: nothing reads them, and all writes maintain them. */
async function dropHalfBuilt(db: Db): Promise<void> {
  const { sql } = db;
  for (const { schema, name } of await halfBuilt(db)) {
    await sql`drop index concurrently if exists ${sql(schema)}.${sql(name)}`;
  }
}

/** Whether a prune has left an index that it was building. */
export const isHalfBuilt = async (db: Db): Promise<boolean> => (await halfBuilt(db)).length > 0;

/** Includes the indexes of TOAST tables, which are in another schema. */
const halfBuilt = ({ sql, target }: Db) => sql<{ schema: string; name: string }[]>`
    select n.nspname::text as schema, c.relname::text as name
    from pg_index i join pg_class c on c.oid = i.indexrelid
      join pg_namespace n on n.oid = c.relnamespace
      join pg_class t on i.indrelid in (t.oid, t.reltoastrelid)
    where not i.indisvalid and c.relkind = 'i' and c.relname ~ '_cc(new|old)[0-9]*$'
      and t.relnamespace = to_regnamespace(quote_ident(${target.schema}))
      and not exists (select from pg_stat_progress_create_index where relid = t.oid)`;

/** Tables with few rows and large indexes. A row takes some 100 bytes per index. */
async function bloated({ sql, schema, target }: Db): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select relname::text as name from pg_class
    where relnamespace = to_regnamespace(quote_ident(${target.schema}))
      and (relname in ('posting', 'lane', 'lease', 'pruned')
           or oid in (select unnest(array[jobs, outcomes]) from ${schema}.span))
      and pg_indexes_size(oid) > 1048576 + 200 * greatest(reltuples, 0)`;
  return rows.map(({ name }) => name);
}

/** An old snapshot of the database, which keeps vacuum from removing rows deleted since. */
export interface VacuumBlocker {
  kind: "session" | "prepared transaction" | "replication slot";
  /** Its process id, or its name. */
  name: string;
  /** Its role, program and address, as far as they are known. */
  who: string;
  /** Its age in ms; null if unknown. */
  ageMs: number | null;
}

/** Sessions and prepared transactions older than an hour, and slots that hold rows back. */
export const findVacuumBlockers = ({ sql }: Db, olderThanMs = 3_600_000) => sql<VacuumBlocker[]>`
  select 'session' as kind, pid::text as name,
         concat_ws(', ', usename, nullif(application_name, ''), client_addr::text) as who,
         (extract(epoch from clock_timestamp() - xact_start) * 1000)::float8 as age_ms
  from pg_stat_activity
  where (backend_xmin is not null or backend_xid is not null) and pid <> pg_backend_pid()
    and xact_start < clock_timestamp() - ${olderThanMs} * interval '1 ms'
    and (datname = current_database() or datname is null)
  union all
  select 'prepared transaction', gid, owner,
         (extract(epoch from clock_timestamp() - prepared) * 1000)::float8
  from pg_prepared_xacts
  where prepared < clock_timestamp() - ${olderThanMs} * interval '1 ms'
    and database = current_database()
  union all
  select 'replication slot', slot_name, slot_type, null
  from pg_replication_slots where age(xmin) > 100000
  order by age_ms desc nulls last`;
