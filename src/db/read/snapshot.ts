import type { PendingQuery, Row } from "postgres";

import type { Counts, Provides } from "../../domain/capabilities.ts";
import { type ResourceUse, usesOf } from "../../domain/resource-use.ts";
import type { PoolRowState, PostingState } from "../../domain/states.ts";
import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";
import { isSilent } from "../connection/live-pools.ts";

export interface PostingRow {
  id: number;
  /** Differs for another posting that got the number after a failover (P20). */
  token: number;
  name: string | null;
  entryPoint: string;
  /** The command line that its jobs run, with its marks; null for functions. */
  command: string | null;
  jobCount: number;
  state: PostingState;
  /** Why it was paused, stopped or cancelled, if a reason was given. */
  reason: string | null;
  poster: string;
  posterOs: string;
  /** The project whose pools run it (R4); null for all pools. */
  project: string | null;
  postedAt: Date;
  endedAt: Date | null;
  keepsOutput: "none" | "failures" | "all";
  /** Whether it waits for other postings, and whether it is blocked (W4). */
  waits: boolean;
  isBlocked: boolean;
  /** The schedule that posted it, and the nominal time (P16). */
  schedule: string | null;
  scheduledAt: Date | null;
}

/**
 * The columns of a {@link PostingRow}, of a posting `p` and its route `r`. `ids` is the array of
 * all postings that are read: whether they are blocked is found out together.
 */
export const postingColumns = (
  { sql, schema }: Pick<Db, "sql" | "schema">,
  ids: PendingQuery<Row[]>,
) => sql`
  p.id, p.token, p.name, p.entry_point, p.command, p.job_count, p.state,
  coalesce(p.reason, ${schema}.refusal_of(p.id)) as reason, r.poster, r.poster_os,
  nullif(r.project, '') as project, p.posted_at, p.ended_at, p.keeps_output,
  p.waits, p.id in (select ${schema}.blocked_of(${ids})) as is_blocked,
  p.schedule, p.scheduled_at`;

/** All unfinished postings, the newest first, followed by the newest ended ones: `most`. */
export const readPostings = ({ sql, schema }: Db, most: number) => sql<PostingRow[]>`
  with open as (
    select id from ${schema}.posting where ended_at is null order by id desc limit ${most}),
  newest as (
    select id from ${schema}.posting order by id desc limit ${most}),
  wanted as (select id from open union select id from newest)
  select ${postingColumns({ sql, schema }, sql`array(select id from wanted)`)}
  from wanted
    join ${schema}.posting p using (id) join ${schema}.route r on r.id = p.route_id
  order by p.ended_at is not null, p.id desc limit ${most}`;

/** The existing postings with these numbers. */
export const findPostings = ({ sql, schema }: Db, ids: readonly number[]) => sql<PostingRow[]>`
  select ${postingColumns({ sql, schema }, sql`${integers(ids)}::bigint[]`)}
  from ${schema}.posting p join ${schema}.route r on r.id = p.route_id
  where p.id = any (${integers(ids)}::bigint[])
  order by p.id`;

export interface PoolRow {
  id: number;
  host: string;
  pid: number;
  version: string;
  role: string;
  osUser: string;
  slots: number;
  state: PoolRowState;
  startedAt: Date;
  /** How long ago the last heartbeat was, by the database's clock. */
  beatAgoMs: number;
  /** Whether it has not ended, and its last heartbeat is too long ago. */
  isStale: boolean;
  refused: number;
  /** The project that it serves, in addition to postings of no project (O6); null for any. */
  project: string | null;
  resources: ResourceUse[];
}

type PoolColumns = Omit<PoolRow, "resources"> & { provides: Provides; free: Counts | null };

/** Pools, by a condition and an order of the table `pool`. */
export async function selectPools(
  { sql, schema }: Pick<Db, "sql" | "schema">,
  rest: PendingQuery<Row[]>,
): Promise<PoolRow[]> {
  const rows = await sql<PoolColumns[]>`
    select number as id, host, pid, version, role, os_user, slots, state, started_at, refused,
           project, provides, free, ${isSilent(sql)} as is_stale,
           (extract(epoch from clock_timestamp() - heartbeat_at) * 1000)::float8 as beat_ago_ms
    from ${schema}.pool ${rest}`;
  return rows.map(({ provides, free, ...row }) => ({ ...row, resources: usesOf(provides, free) }));
}

/**
 * The pools that have not ended, and pools of the last day with refused outcomes if they are among
 * the newest 1,000, because there may be any number of ended pools.
 */
export const readPools = ({ sql, schema }: Db): Promise<PoolRow[]> =>
  selectPools(
    { sql, schema },
    sql`
      where state in ('up', 'draining') or (
        refused > 0 and heartbeat_at > now() - interval '1 day'
        and number > (select max(number) - 1000 from ${schema}.pool))
      order by number`,
  );
