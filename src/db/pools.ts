import type { Db } from "./connect.ts";

export interface NewPool {
  host: string;
  pid: number;
  version: string;
  osUser: string;
  slots: number;
}

/** Writes the row of a pool that starts, and returns its id. */
export async function registerPool({ sql, schema }: Db, pool: NewPool): Promise<number> {
  const [row] = await sql<{ id: number }[]>`
    insert into ${schema}.pool (host, pid, version, os_user, slots)
    values (${pool.host}, ${pool.pid}, ${pool.version}, ${pool.osUser}, ${pool.slots})
    returning id`;
  if (!row) throw new Error("insert … returning returned no row");
  return row.id;
}

export interface Beat {
  /** False once this pool was declared lost: its leases are gone (O1). */
  isUp: boolean;
  /** The slots of all pools that are alive, this one included. */
  slots: number;
}

/** Proves that a pool is alive, and tells it how many slots there are beside its own. */
export async function beat({ sql, schema }: Db, poolId: number): Promise<Beat> {
  const [row] = await sql<Beat[]>`
    with beaten as (
      update ${schema}.pool set beat_at = now() where id = ${poolId} and state in ('up', 'draining')
      returning id)
    select exists (select from beaten) as is_up,
           coalesce(sum(slots), 0)::integer as slots
    from ${schema}.pool where state in ('up', 'draining') and beat_at > now() - interval '1 minute'`;
  return row ?? { isUp: false, slots: 0 };
}

/** Marks a pool that ends in an orderly way. Its leases must have been given back before. */
export const retirePool = ({ sql, schema }: Db, poolId: number) => sql`
  update ${schema}.pool set state = 'stopped', running = '[]'
  where id = ${poolId} and state in ('up', 'draining')`;

export const markDraining = ({ sql, schema }: Db, poolId: number) => sql`
  update ${schema}.pool set state = 'draining' where id = ${poolId} and state = 'up'`;
