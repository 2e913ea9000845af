import type { JobCounts, PostingState } from "../../domain/states.ts";
import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** The totals of one posting, all at the same moment. */
export interface PostingCounts extends JobCounts {
  id: number;
  /** Differs for another posting that got the number after a failover (P20). */
  token: number;
  state: PostingState;
  /** Whether its last job has ended: then nothing of it changes any more. */
  isEnded: boolean;
  /** Why it was paused, stopped or cancelled, if a reason was given. */
  reason: string | null;
  /** Whether the queue cancelled it, such as for its deadline, and not a person (P19). */
  gaveUp: boolean;
  /** Whether it waits for other postings, and whether it is blocked (W4). */
  waits: boolean;
  isBlocked: boolean;
}

/**
 * The totals of postings; one that does not exist is omitted. Reads the progress rows, and for each
 * lane its newest lease: neither jobs nor outcomes. The totals of an ended posting are in its row
 * (P2).
 */
export const readPostingCounts = ({ sql, schema }: Db, postingIds: readonly number[]) => sql<
  PostingCounts[]
>`
  select p.id, p.token, p.state, p.ended_at is not null as is_ended, p.reason,
         p.job_count - t.running - t.retrying - t.done - t.failed - t.cancelled as waiting,
         t.running, t.retrying, t.done, t.failed, t.cancelled,
         p.gave_up, p.waits,
         p.id in (select ${schema}.blocked_of(${integers(postingIds)}::bigint[])) as is_blocked
  from ${schema}.posting p
    cross join lateral (
      select coalesce(sum(done), 0) as done, coalesce(sum(failed), 0) as failed,
             coalesce(sum(cancelled), 0) as cancelled, coalesce(sum(retrying), 0) as retrying,
             coalesce(sum(released), 0) as released
      from ${schema}.progress where posting_id = p.id and p.ended_at is null) g
    cross join lateral (
      select coalesce(sum(l.end_seq - coalesce(newest.seq, l.first_seq)), 0) as beyond
      from ${schema}.lane l
        left join lateral ${schema}.lane_cursor(l.posting_id, l.priority) newest on true
      where l.posting_id = p.id and l.state <> 'closed' and p.ended_at is null) c
    cross join lateral (
      -- L4: of what is leased no more than that runs.
      select least(p.max_running, p.job_count - c.beyond - g.released - g.retrying - p.done - g.done
               - p.failed - g.failed - p.cancelled - g.cancelled)::integer as running,
             g.retrying::integer as retrying,
             (p.done + g.done)::integer as done, (p.failed + g.failed)::integer as failed,
             (p.cancelled + g.cancelled)::integer as cancelled) t
  where p.id = any (${integers(postingIds)}::bigint[])
  order by p.id`;

/** The number of jobs in each status, by the posting's id. */
export async function readCounts(
  db: Db,
  postingIds: readonly number[],
): Promise<Map<number, JobCounts>> {
  const rows = await readPostingCounts(db, postingIds);
  return new Map(
    rows.map(({ id, waiting, running, retrying, done, failed, cancelled }) => [
      id,
      { waiting, running, retrying, done, failed, cancelled },
    ]),
  );
}
