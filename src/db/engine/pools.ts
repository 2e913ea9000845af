import type { Provides } from "../../domain/capabilities.ts";
import type { PoolScope } from "../../domain/route.ts";
import { integers, texts } from "../connection/array.ts";
import { type Db, errorCode } from "../connection/connect.ts";
import { isAlive } from "../connection/live-pools.ts";

export interface NewPool extends PoolScope {
  host: string;
  pid: number;
  version: string;
  /** The version of the schema that its program was made for; 1 if absent. */
  schemaVersion?: number;
  osUser: string;
  slots: number;
  /** How long after its last heartbeat it counts as lost. */
  heartbeatTimeoutMs: number;
}

/** Writes the row of a starting pool, and returns its id (O10). */
export async function registerPool({ sql, schema }: Db, pool: NewPool): Promise<number> {
  const { host, pid, version, schemaVersion, osUser } = pool;
  const process = { host, pid, version, schema: schemaVersion, osUser };
  const [row] = await sql<{ id: number }[]>`
    select ${schema}.pool_register(
      ${JSON.stringify(process)}::text::jsonb, ${pool.slots},
      ${pool.heartbeatTimeoutMs}, ${JSON.stringify(pool.provides)}::text::jsonb,
      ${pool.posters === null ? null : texts(pool.posters)}::text[],
      ${pool.project ?? null},
      ${pool.postings ? texts(pool.postings) : null}::text[]) as id`;
  if (!row) throw new Error("a function that returns one row returned none");
  return row.id;
}

/** Whether the database has no row of the calling pool: a failover has lost it. */
export const isPoolGone = (error: unknown): boolean => errorCode(error) === "PF004";

/** A job that a worker has been running for a while. */
export interface RunningJob {
  posting: number;
  seq: number;
  attempt: number;
  /** How long it has run; absent if it is about to start. */
  ms?: number;
  /** Its reported progress, from 0 to 1, with a note. */
  progress?: number;
  note?: string | null;
}

export interface Beat {
  /** False once this pool was declared lost: its leases are gone (O1). */
  isUp: boolean;
  /** Whether the pool should take no more jobs. */
  isDraining: boolean;
  /** The slots of all pools that are alive, this one included. */
  slots: number;
  /** The number of these pools, and how many of them wait for postings. */
  pools: number;
  waiting: number;
  /** The followed postings (follow.ts) among those of its running jobs. */
  followed: number[];
  /** The oldest schema version whose programs can use the schema as it is or is about to be. */
  compatibleSince: number;
}

/**
 * Proves that a pool is alive, reports its running jobs and whether it waits for postings, and
 * returns the number of all slots. Also listens on the queue's channels, so that a replaced
 * connection does so again. Not through a pooler, which would leave the LISTEN to the next user of
 * the server's connection.
 */
export async function sendHeartbeat(
  { sql, schema, isPooled }: Db,
  poolId: number,
  running: readonly RunningJob[],
  listens = false,
): Promise<Beat> {
  // As JSON: an array would arrive as a text (array.ts).
  const [row] = await sql<Beat[]>`
    select is_up, is_draining, slots, to_json(followed) as followed, pools, waiting,
           compatible_since
    from ${schema}.pool_heartbeat(
      ${poolId}, ${JSON.stringify(running)}::text::jsonb, ${listens})`;
  if (!isPooled) await sql`select ${schema}.listen()`;
  const none = { isUp: false, isDraining: false, followed: [], compatibleSince: 0 };
  return row ?? { ...none, slots: 0, pools: 0, waiting: 0 };
}

/**
 * A heartbeat that only reports jobs that a pool is about to run; false once the pool was declared
 * lost (O1).
 */
export async function reportRunning(
  { sql, schema }: Db,
  poolId: number,
  running: readonly RunningJob[],
): Promise<boolean> {
  const [row] = await sql<{ isUp: boolean }[]>`
    select is_up from ${schema}.pool_heartbeat(
      ${poolId}, ${JSON.stringify(running)}::text::jsonb, false)`;
  return row?.isUp ?? false;
}

/** Records that a pool waits for postings (O5). */
export const markListening = ({ sql, schema }: Db, poolId: number) => sql`
  select ${schema}.pool_listens(${poolId})`;

/** Ends a pool in an orderly way: releases all its leases. Returns the number of released jobs. */
export async function endPool({ sql, schema }: Db, poolId: number): Promise<number> {
  const [row] = await sql<{ back: number }[]>`select ${schema}.pool_end(${poolId}) as back`;
  return row?.back ?? 0;
}

/** Drains pools, by number or host. Returns the drained pools. */
export async function drainPools(
  { sql, schema }: Db,
  which: { ids: readonly number[]; hosts: readonly string[] },
): Promise<{ id: number; host: string }[]> {
  return await sql<{ id: number; host: string }[]>`
    select number as id, host from ${schema}.drain_pools(
      ${integers(which.ids)}::bigint[], ${texts(which.hosts)}::text[])`;
}

export const markDraining = ({ sql, schema }: Db, poolId: number) => sql`
  select ${schema}.pool_drain(${poolId})`;

/** Another live pool on the machine of a pool. */
export interface Neighbour {
  id: number;
  pid: number;
  provides: Provides;
  slots: number;
  isDraining: boolean;
}

/** The live pools on the machine of a pool, without itself, among up to `readMax` live pools. */
export const readNeighbours = ({ sql, schema }: Db, poolId: number, readMax: number | null) => sql<
  Neighbour[]
>`
  select number as id, pid, provides, slots, state = 'draining' as is_draining
  from (
    select id, number, host, pid, provides, slots, state from ${schema}.pool
    where ${isAlive(sql)} limit ${readMax}) p
  where host = (select host from ${schema}.pool where id = ${poolId}) and id <> ${poolId}
  order by number limit 100`;

/** Another pool that has jobs. Times are in ms. */
export interface JobHolder {
  id: number;
  host: string;
  /** Its last heartbeat. */
  heartbeatMs: number;
  /** The time until it counts as lost, if no other heartbeat comes. */
  dueInMs: number;
}

/** The pools other than this one that have jobs of these routes. */
export const jobHolders = ({ sql, schema }: Db, poolId: number, routes: readonly number[]) => sql<
  JobHolder[]
>`
  select number as id, host, heartbeat_ms, due_in_ms
  from ${schema}.pool_job_holders(${poolId}, ${integers(routes)}::integer[])`;
