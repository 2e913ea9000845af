import type { PostingState } from "../../domain/states.ts";
import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";
import { isAlive } from "../connection/live-pools.ts";

/** A posting of a `pdoflow run`. */
export interface PostingOfRun {
  id: number;
  /** The token of the pool that may run it (R2). */
  run: string;
  project: string | null;
  poster: string;
  /** Whether the caller has posted it. */
  isOwn: boolean;
  entryPoint: string;
  state: PostingState;
  isEnded: boolean;
  jobCount: number;
  maxFailures: number | null;
}

/**
 * The postings of the run that has posted this posting and that have not ended, and this one; none
 * if it is of no run.
 */
export const readRun = ({ sql, schema }: Db, id: number) => sql<PostingOfRun[]>`
  select p.id, r.run, nullif(r.project, '') as project, r.poster,
         r.poster = ${schema}.caller() as is_own, p.entry_point, p.state,
         p.ended_at is not null as is_ended, p.job_count, p.max_failures
  from ${schema}.posting wanted
    join ${schema}.posting p on p.id = wanted.id
      or (p.route_id = wanted.route_id and p.ended_at is null)
    join ${schema}.route r on r.id = p.route_id
  where wanted.id = ${id} and r.run <> ''
  order by p.id`;

/** The postings of the run that has posted this posting, ended or not. */
export async function readIdsOfRun({ sql, schema }: Db, id: number): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select p.id from ${schema}.posting wanted
      join ${schema}.posting p on p.route_id = wanted.route_id
    where wanted.id = ${id} order by p.id`;
  return rows.map((row) => row.id);
}

/** The newest posting of a run of the caller; null if there is none. */
export async function newestOfRuns({ sql, schema }: Db): Promise<number | null> {
  const [row] = await sql<{ id: number | null }[]>`
    select max(p.id) as id from ${schema}.posting p join ${schema}.route r on r.id = p.route_id
    where r.run <> '' and r.poster = ${schema}.caller()`;
  return row?.id ?? null;
}

/** The time in ms until all of these postings have started; null if none waits for its time. */
export async function startsInMs(
  { sql, schema }: Db,
  postings: readonly number[],
): Promise<number | null> {
  const [row] = await sql<{ ms: number | null }[]>`
    select (extract(epoch from max(run_at) - clock_timestamp()) * 1000)::float8 as ms
    from ${schema}.posting
    where id = any (${integers(postings)}::bigint[]) and state = 'open' and ended_at is null`;
  return row?.ms ?? null;
}

/** A live pool that has jobs of postings. */
export interface BusyPool {
  id: number;
  host: string;
  pid: number;
}

/** The live pools that have claimed jobs of these postings. */
export const readPoolsOf = ({ sql, schema }: Db, postings: readonly number[]) => sql<BusyPool[]>`
  select number as id, host, pid from ${schema}.pool o
  where ${isAlive(sql)}
    and exists (
      select from ${schema}.lease l
      where l.pool_id = o.id and l.active and l.posting_ids && ${integers(postings)}::bigint[])`;

/** A job that is left to run. */
export interface JobLeft {
  seq: number;
  /** As JSON text; null unless asked for. */
  args: string | null;
}

/** The jobs of a posting that have not ended for good. */
export const readJobsLeft = ({ sql, schema }: Db, id: number, withArgs: boolean) => sql<JobLeft[]>`
  select seq, args::text from ${schema}.jobs_between(${id}, 0, 2147483647, ${withArgs})
  where status in ('waiting', 'running', 'retrying') order by seq`;
