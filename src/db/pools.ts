import type { PoolScope } from "../domain/route.ts";
import { integers, texts } from "./array.ts";
import type { Db } from "./connect.ts";

export interface NewPool extends PoolScope {
  host: string;
  pid: number;
  version: string;
  osUser: string;
  slots: number;
  /** How long after its last heartbeat it counts as lost. */
  patienceMs: number;
}

/** Writes the row of a pool that starts, and returns its id. */
export async function registerPool({ sql, schema }: Db, pool: NewPool): Promise<number> {
  const [row] = await sql<{ id: number }[]>`
    insert into ${schema}.pool (host, pid, version, os_user, slots, patience_ms, provides, posters)
    values (${pool.host}, ${pool.pid}, ${pool.version}, ${pool.osUser}, ${pool.slots},
            ${pool.patienceMs}, ${JSON.stringify(pool.provides)}::text::jsonb,
            ${pool.posters === null ? null : texts(pool.posters)}::text[])
    returning id`;
  if (!row) throw new Error("insert … returning returned no row");
  return row.id;
}

/** A job that a worker has had in hand for a while. */
export interface RunningJob {
  posting: number;
  seq: number;
  attempt: number;
  /** How far it says that it is, from 0 to 1, and a few words. */
  progress?: number;
  note?: string | null;
}

export interface Beat {
  /** False once this pool was declared lost: its leases are gone (O1). */
  isUp: boolean;
  /** True where it was told to take no more jobs. */
  isDraining: boolean;
  /** The slots of all pools that are alive, this one included. */
  slots: number;
}

/**
 * Proves that a pool is alive, tells what it runs and whether it waits for postings, and asks how
 * many slots there are beside its own. Listens on the queue's channels by the way: a connection
 * that was replaced does so again. Not through a pooler, which would leave it to whoever gets the
 * server's connection next.
 */
export async function beat(
  { sql, schema, isPooled }: Db,
  poolId: number,
  running: readonly RunningJob[],
  listens = false,
): Promise<Beat> {
  const [row] = await sql<Beat[]>`
    with beaten as (
      update ${schema}.pool
      set beat_at = clock_timestamp(), running = ${JSON.stringify(running)}::text::jsonb,
          listens = ${listens}
      where id = ${poolId} and state in ('up', 'draining')
      returning state)
    select exists (select from beaten) as is_up,
           exists (select from beaten where state = 'draining') as is_draining,
           coalesce(sum(slots), 0)::integer as slots
    from ${schema}.pool
    where id = ${poolId} or (state in ('up', 'draining')
      and beat_at > clock_timestamp() - patience_ms * interval '1 ms')`;
  if (!isPooled) await sql`select ${schema}.listen()`;
  return row ?? { isUp: false, isDraining: false, slots: 0 };
}

/** Says that a pool waits for postings (O5). */
export const markListening = ({ sql, schema }: Db, poolId: number) => sql`
  update ${schema}.pool set listens = true where id = ${poolId} and not listens`;

/** Ends a pool in an orderly way: gives back all that it holds. Returns how many jobs went back. */
export async function retirePool({ sql, schema }: Db, poolId: number): Promise<number> {
  const [row] = await sql<{ back: number }[]>`select ${schema}.retire(${poolId}) as back`;
  return row?.back ?? 0;
}

/** Tells pools to take no more jobs, by their numbers or their host. Returns those that it told. */
export async function drainPools(
  { sql, schema, target }: Db,
  which: { ids: readonly number[]; hosts: readonly string[] },
): Promise<{ id: number; host: string }[]> {
  return await sql<{ id: number; host: string }[]>`
    with told as (
      update ${schema}.pool set state = 'draining'
      where state = 'up' and (id = any (${integers(which.ids)}::bigint[])
                              or host = any (${texts(which.hosts)}::text[]))
      returning id, host)
    select id, host, pg_notify(${`${target.schema}.changed`}, '') from told order by id`;
}

export const markDraining = ({ sql, schema }: Db, poolId: number) => sql`
  update ${schema}.pool set state = 'draining' where id = ${poolId} and state = 'up'`;
