import type { IndexRange } from "../../domain/selector.ts";
import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/**
 * Stops postings for now: nothing of them is claimed until they are resumed. Returns those stopped.
 */
export async function pausePostings(
  { sql, schema }: Db,
  ids: readonly number[],
  state: "paused" | "errored_out",
  reason: string,
): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select unnest(${schema}.pause(${integers(ids)}::bigint[], ${reason}, ${state})) as id`;
  return rows.map(({ id }) => id);
}

/** Stops a posting of which the caller's pools may run jobs, and they only fail. */
export async function stopPosting(
  { sql, schema }: Db,
  id: number,
  reason: string,
): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select unnest(${schema}.pool_stop_posting(${integers([id])}::bigint[], ${reason})) as id`;
  return rows.map(({ id }) => id);
}

/** Opens postings again that were paused or errored out. Returns those opened. */
export async function resumePostings(
  { sql, schema }: Db,
  ids: readonly number[],
): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select unnest(${schema}.resume(${integers(ids)}::bigint[])) as id`;
  return rows.map(({ id }) => id);
}

/**
 * Cancels postings: what waits at once, what runs as its pool gets to it. Returns those cancelled.
 */
export async function cancelPostings(
  { sql, schema }: Db,
  ids: readonly number[],
  { killsRunning, reason }: { killsRunning: boolean; reason: string },
): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select unnest(${schema}.cancel(${integers(ids)}::bigint[], ${killsRunning}, ${reason})) as id`;
  return rows.map(({ id }) => id);
}

/**
 * Gives all jobs of postings that have not ended another priority; what is claimed goes on. Returns
 * those postings.
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

/** Which of the failed jobs of a posting: all where both are null. */
export interface FailedPick {
  indices: readonly IndexRange[] | null;
  /** What their fingerprint begins with. */
  fingerprint: string | null;
}

/**
 * Puts failed jobs of a posting back into the queue, for one more attempt at least. Returns how
 * many; null where the posting is cancelled.
 */
export async function retryFailed(
  { sql, schema }: Db,
  postingId: number,
  { indices, fingerprint }: FailedPick,
): Promise<number | null> {
  const column = (pick: (range: IndexRange) => number) => indices && integers(indices.map(pick));
  const [row] = await sql<{ jobs: number | null }[]>`
    select ${schema}.retry(
      ${postingId}, ${column(({ first }) => first)}::integer[],
      ${column(({ last }) => last)}::integer[], ${fingerprint}) as jobs`;
  return row?.jobs ?? null;
}

/** What is to change of the limits of postings; undefined leaves it as it is, null lifts it. */
export interface NewLimits {
  maxRunning?: number | null | undefined;
  /** As in "10/s". */
  maxRate?: string | null | undefined;
}

export interface LimitRow {
  id: number;
  maxRunning: number | null;
  rateCount: number | null;
  rateMs: number | null;
}

/**
 * Sets the limits of postings that have not ended (P5), and returns these. They hold for what is
 * claimed from now on: what pools have in hand goes on.
 */
export async function setLimits(
  { sql, schema }: Db,
  ids: readonly number[],
  { maxRunning, maxRate }: NewLimits,
): Promise<LimitRow[]> {
  const limits = JSON.stringify({ maxRunning, maxRate }); // leaves out what is undefined
  return await sql<LimitRow[]>`
    select * from ${schema}.set_limits(${integers(ids)}::bigint[], ${limits}::text::jsonb)`;
}

export interface StoppedPosting {
  id: number;
  state: "paused" | "errored_out" | "cancelled" | "finished";
  killsRunning: boolean;
  reason: string | null;
}

/** Those of the postings that are not to be run now. */
export const findStopped = ({ sql, schema }: Db, ids: readonly number[]) => sql<StoppedPosting[]>`
  select id, state, kills_running, reason from ${schema}.posting
  where id = any (${integers(ids)}::bigint[]) and state <> 'open'`;

/** Those of the postings of which more jobs have failed than they allow (maxFailures). */
export const postingsOverLimit = ({ sql, schema }: Db, ids: readonly number[]) => sql<
  { id: number; failed: number; jobCount: number }[]
>`
  select p.id, t.failed, p.job_count
  from ${schema}.posting p cross join lateral (
    select coalesce(sum(failed), 0)::integer as failed from ${schema}.progress
    where posting_id = p.id) t
  where p.id = any (${integers(ids)}::bigint[]) and p.state = 'open' and p.ended_at is null
    and (t.failed >= p.max_failures or t.failed * 100 > p.max_failures_percent * p.job_count)`;
