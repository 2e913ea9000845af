import type { IndexRange } from "../../domain/selector.ts";
import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/**
 * Postings by number. With their tokens, by number, only these: a statement does not change another
 * posting that got the number of a lost one, however late a failover happens (P20).
 */
export type ChosenPostings = readonly number[] | ReadonlyMap<number, number>;

function idsOf({ sql, schema }: Db, chosen: ChosenPostings) {
  if (!("get" in chosen)) return sql`${integers(chosen)}::bigint[]`;
  return sql`array(
    select p.id from ${schema}.posting p
      join unnest(${integers([...chosen.keys()])}::bigint[],
                  ${integers([...chosen.values()])}::bigint[]) as c (id, token)
        on (c.id, c.token) = (p.id, p.token))`;
}

/**
 * Stops postings for now: none of their jobs is claimed until they are resumed. Returns the stopped
 * postings.
 */
export async function pausePostings(
  db: Db,
  chosen: ChosenPostings,
  state: "paused" | "errored_out",
  reason: string,
): Promise<number[]> {
  const { sql, schema } = db;
  const rows = await sql<{ id: number }[]>`
    select unnest(${schema}.pause(${idsOf(db, chosen)}, ${reason}, ${state})) as id`;
  return rows.map(({ id }) => id);
}

/** Stops a posting whose jobs only fail, if the caller's pools may run them. */
export async function stopPosting(
  { sql, schema }: Db,
  id: number,
  reason: string,
): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select unnest(${schema}.pool_stop_posting(${integers([id])}::bigint[], ${reason})) as id`;
  return rows.map(({ id }) => id);
}

/** Opens paused and errored out postings again. Returns the opened postings. */
export async function resumePostings(db: Db, chosen: ChosenPostings): Promise<number[]> {
  const { sql, schema } = db;
  const rows = await sql<{ id: number }[]>`
    select unnest(${schema}.resume(${idsOf(db, chosen)})) as id`;
  return rows.map(({ id }) => id);
}

/** Lets postings run although they wait for others. Returns the postings that waited. */
export async function unblockPostings(db: Db, chosen: ChosenPostings): Promise<number[]> {
  const { sql, schema } = db;
  const rows = await sql<{ id: number }[]>`
    select unnest(${schema}.unblock(${idsOf(db, chosen)})) as id`;
  return rows.map(({ id }) => id);
}

/**
 * Cancels postings: waiting jobs at once, running jobs as soon as their pool notices. Returns the
 * cancelled postings.
 */
export async function cancelPostings(
  db: Db,
  chosen: ChosenPostings,
  { killsRunning, reason }: { killsRunning: boolean; reason: string },
): Promise<number[]> {
  const { sql, schema } = db;
  const rows = await sql<{ id: number }[]>`
    select unnest(${schema}.cancel(${idsOf(db, chosen)}, ${killsRunning}, ${reason})) as id`;
  return rows.map(({ id }) => id);
}

/**
 * Changes the priority of all jobs of unfinished postings; claimed jobs continue. Returns the
 * changed postings.
 */
export async function setPriority(
  { sql, schema }: Db,
  ids: readonly number[],
  priority: number,
): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select unnest(${schema}.set_priority(${integers(ids)}::bigint[], ${priority})) as id`;
  return rows.map(({ id }) => id);
}

/** Selects failed jobs of a posting: all of them if both are null. */
export interface FailedPick {
  indices: readonly IndexRange[] | null;
  /** The beginning of their fingerprint. */
  fingerprint: string | null;
}

/**
 * Puts failed jobs of a posting back into the queue, for at least one more attempt. Returns their
 * number; null if the posting is cancelled, undefined if its token is another one (P20).
 */
export async function retryFailed(
  { sql, schema }: Db,
  postingId: number,
  { indices, fingerprint, token }: FailedPick & { token?: number },
): Promise<number | null | undefined> {
  const column = (pick: (range: IndexRange) => number) => indices && integers(indices.map(pick));
  const isIt =
    token === undefined
      ? sql`true`
      : sql`exists (select from ${schema}.posting where (id, token) = (${postingId}, ${token}))`;
  const [row] = await sql<{ jobs: number | null }[]>`
    select ${schema}.retry(
      ${postingId}, ${column(({ first }) => first)}::integer[],
      ${column(({ last }) => last)}::integer[], ${fingerprint}) as jobs
    where ${isIt}`;
  return row?.jobs;
}

/** The changes to the limits of postings: undefined keeps a limit, null removes it. */
export interface NewLimits {
  maxRunning?: number | null | undefined;
  /** For example "10/s". */
  maxRate?: string | null | undefined;
  stopAfter?: number | undefined;
  maxFailures?: number | null | undefined;
  maxFailuresPercent?: number | null | undefined;
  maxAttempts?: number | undefined;
  backoffMs?: number | undefined;
  timeoutMs?: number | null | undefined;
}

export interface LimitRow {
  id: number;
  maxRunning: number | null;
  rateCount: number | null;
  rateMs: number | null;
  stopAfter: number;
  maxFailures: number | null;
  maxFailuresPercent: number | null;
  maxAttempts: number;
  backoffMs: number;
  timeoutMs: number | null;
}

/**
 * Sets the limits of postings that are not cancelled (P5), and returns these postings. They apply
 * to jobs that are claimed from now on; jobs that pools have already claimed continue.
 */
export async function setLimits(
  { sql, schema }: Db,
  ids: readonly number[],
  changes: NewLimits,
): Promise<LimitRow[]> {
  const limits = JSON.stringify(changes); // omits undefined properties
  return await sql<LimitRow[]>`
    select * from ${schema}.set_limits(${integers(ids)}::bigint[], ${limits}::text::jsonb)`;
}

export interface StoppedPosting {
  id: number;
  state: "paused" | "errored_out" | "cancelled" | "finished";
  killsRunning: boolean;
  reason: string | null;
}

/** The postings among `ids` whose jobs must not run now. */
export const findStopped = ({ sql, schema }: Db, ids: readonly number[]) => sql<StoppedPosting[]>`
  select id, state, kills_running, reason from ${schema}.posting
  where id = any (${integers(ids)}::bigint[]) and state <> 'open'`;

/** Whether a job of an unfinished posting is done. */
export async function hasDoneJobs({ sql, schema }: Db, id: number): Promise<boolean> {
  const rows = await sql`
    select from ${schema}.progress where posting_id = ${id} having sum(done) > 0`;
  return rows.length > 0;
}

/** The postings among `ids` that have more failed jobs than they allow (maxFailures). */
export const postingsOverLimit = ({ sql, schema }: Db, ids: readonly number[]) => sql<
  { id: number; failed: number; jobCount: number; limit: string }[]
>`
  select p.id, t.failed, p.job_count,
         case when t.failed >= p.max_failures then p.max_failures::text
              else p.max_failures_percent || '%' end as limit
  from ${schema}.posting p cross join lateral (
    select coalesce(sum(failed), 0)::integer as failed from ${schema}.progress
    where posting_id = p.id) t
  where p.id = any (${integers(ids)}::bigint[]) and p.state = 'open' and p.ended_at is null
    and (t.failed >= p.max_failures or t.failed * 100 > p.max_failures_percent * p.job_count)`;
