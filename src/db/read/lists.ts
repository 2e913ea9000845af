import type { VisibleState } from "../../domain/states.ts";
import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";
import { type PoolRow, postingColumns, type PostingRow, selectPools } from "./snapshot.ts";

export interface ListFilter {
  /** Include ended postings. */
  isAll: boolean;
  /** Null for any. */
  state: VisibleState | null;
  /** Only those with a smaller number. */
  before: number;
  most: number;
}

/** Whether a posting `p` is in a state; waiting and blocked postings are open, too. */
export function isInState({ sql, schema }: Pick<Db, "sql" | "schema">, state: VisibleState) {
  const blocked = sql`
    select ${schema}.blocked_of(array(
      select id from ${schema}.posting where ended_at is null and state = 'open' and waits))`;
  switch (state) {
    case "waiting":
      return sql`p.state = 'open' and p.waits and p.id not in (${blocked})`;
    case "blocked":
      return sql`p.state = 'open' and p.waits and p.id in (${blocked})`;
    default:
      return sql`p.state = ${state}`;
  }
}

/** Postings, the newest first. */
export const listPostings = (
  { sql, schema }: Db,
  { isAll, state, before, most }: ListFilter,
) => sql<PostingRow[]>`
  with page as (
    select p.id from ${schema}.posting p
    where p.id < ${before} and ${isAll ? sql`true` : sql`p.ended_at is null`}
      and ${state === null ? sql`true` : isInState({ sql, schema }, state)}
    order by p.id desc limit ${most})
  select ${postingColumns({ sql, schema }, sql`array(select id from page)`)}
  from page join ${schema}.posting p using (id) join ${schema}.route r on r.id = p.route_id
  order by p.id desc`;

/** The number of ended postings among the newest 1,000, and the number of postings read. */
export async function countEnded({ sql, schema }: Db): Promise<{ ended: number; of: number }> {
  const [row] = await sql<{ ended: number; of: number }[]>`
    select count(ended_at)::integer as ended, count(*)::integer as of
    from (select ended_at from ${schema}.posting order by id desc limit 1000) newest`;
  return row ?? { ended: 0, of: 0 };
}

/** Pools, the newest first: running ones, or the newest of all. */
export const listPools = ({ sql, schema }: Db, isAll: boolean, most: number): Promise<PoolRow[]> =>
  selectPools(
    { sql, schema },
    sql`
      where ${isAll ? sql`true` : sql`state in ('up', 'draining')`}
      order by number desc limit ${most}`,
  );

/**
 * The number of unfinished jobs in open postings that wait for no other posting, which is the work
 * left for pools; with `of`, for a pool that serves these routes and postings. Reads the unfinished
 * postings and their totals, not their jobs.
 */
export async function readDepth(
  { sql, schema }: Db,
  of: { routes: readonly number[] | null; postings: readonly number[] | null } | null = null,
): Promise<number> {
  const ofRoutes = of?.routes
    ? sql`and p.route_id = any (${integers(of.routes)}::integer[])`
    : sql``;
  const ofPostings = of?.postings
    ? sql`and p.id = any (${integers(of.postings)}::bigint[])`
    : sql``;
  const [row] = await sql<{ jobs: number }[]>`
    select coalesce(sum(p.job_count - (
      select coalesce(sum(done + failed + cancelled), 0) from ${schema}.progress
      where posting_id = p.id)), 0)::bigint as jobs
    from ${schema}.posting p where p.ended_at is null and p.state = 'open' and not p.waits
      ${ofRoutes} ${ofPostings}`;
  return row?.jobs ?? 0;
}

export interface PriorityRow {
  priority: number;
  /** The number of postings with waiting jobs of it, and the number of these jobs. */
  postings: number;
  waiting: number;
}

/**
 * The unclaimed jobs of open postings, by priority, the highest first. Reads the open lanes and the
 * retries, not the jobs.
 */
export const readPriorities = ({ sql, schema }: Db) => sql<PriorityRow[]>`
  select priority, count(distinct posting_id)::integer as postings, sum(rest)::bigint as waiting
  from (
    select l.effective_priority as priority, l.posting_id, l.end_seq - coalesce((
      select seq from ${schema}.lane_cursor(l.posting_id, l.priority)), l.first_seq) as rest
    from ${schema}.lane l where l.state = 'open'
    union all
    select priority, posting_id, end_seq - first_seq from ${schema}.retry
    where due_at < 'infinity') waiting
  where rest > 0 group by priority order by priority desc`;

/** The number of postings of each other project among the newest 1,000 open postings (R4). */
export const countOfOthers = ({ sql, schema }: Db, project: string) => sql<
  { project: string; postings: number }[]
>`
  select r.project, count(*)::integer as postings
  from (
    select route_id from ${schema}.posting where ended_at is null and state = 'open'
    order by id desc limit 1000) p join ${schema}.route r on r.id = p.route_id
  where r.run = '' and r.project not in ('', ${project})
  group by r.project order by postings desc, r.project limit 10`;

/**
 * The paused and stopped postings of a project, null for any, among the newest 1,000 unfinished
 * ones; at most 10, newest first.
 */
export const readHalted = ({ sql, schema }: Db, project: string | null) => sql<
  { id: number; state: "paused" | "errored_out" }[]
>`
  select p.id, p.state
  from (
    select id, state, route_id from ${schema}.posting where ended_at is null
    order by id desc limit 1000) p join ${schema}.route r on r.id = p.route_id
  where p.state in ('paused', 'errored_out') and r.run = ''
    and (${project}::text is null or r.project in ('', ${project}))
  order by p.id desc limit 10`;

/**
 * The postings of a project, null for any, that wait for others, among the newest 1,000 unfinished
 * ones; at most 10, newest first.
 */
export const readWaiting = ({ sql, schema }: Db, project: string | null) => sql<{ id: number }[]>`
  select p.id
  from (
    select id, state, waits, route_id from ${schema}.posting where ended_at is null
    order by id desc limit 1000) p join ${schema}.route r on r.id = p.route_id
  where p.state = 'open' and p.waits and r.run = ''
    and (${project}::text is null or r.project in ('', ${project}))
  order by p.id desc limit 10`;
