import type { JobError } from "../../../domain/attempt.ts";
import { integers } from "../../connection/array.ts";
import type { Db } from "../../connection/connect.ts";

/** Similar permanently failed jobs of a posting, with one of the newest as the example. */
export interface FailedJobs {
  postingId: number;
  fingerprint: string;
  count: number;
  /** Null after a cancelled retry by hand. */
  firstAt: Date | null;
  lastAt: Date | null;
  index: number;
  attempt: number | null;
  host: string | null;
  error: JobError | null;
  /** What the example printed to stderr, and its arguments as JSON text, if asked for. */
  stderr: string | null;
  args: string | null;
}

/** Reports are sent by mail: they have this much of an error, and of what a job printed. */
const mostCharacters = 4_000;

/**
 * The groups of failed jobs of postings, the largest first: `most` of them, and the number of all.
 * Reads the counted groups (F1), and the outcomes of the examples only.
 */
export async function readFailureGroups(
  { sql, schema }: Db,
  postingIds: readonly number[],
  { most, withValues }: { most: number; withValues: boolean },
): Promise<{ groups: FailedJobs[]; groupCount: number }> {
  const rows = await sql<(FailedJobs & { groupCount: number })[]>`
    with grouped as (
      select posting_id, fingerprint, sum(jobs)::integer as count, min(first_at) as first_at,
             max(last_at) as last_at,
             (array_agg(seq order by last_at desc nulls last))[1] as seq
      from ${schema}.failure
      where posting_id = any (${integers(postingIds)}::bigint[])
      group by posting_id, fingerprint having sum(jobs) > 0),
    largest as (
      select *, count(*) over ()::integer as group_count from grouped
      order by count desc, posting_id, fingerprint limit ${most})
    select g.posting_id, g.fingerprint, g.count, g.first_at, g.last_at, g.group_count,
           case when p.is_sorted then ${schema}.index_of(p.id, g.seq) else g.seq end as index,
           e.attempt, w.host, case when e.error is not null then
             jsonb_strip_nulls(jsonb_build_object(
               'name', left(e.error ->> 'name', 200),
               'message', left(e.error ->> 'message', ${mostCharacters}),
               'stack', left(e.error ->> 'stack', ${mostCharacters}))) end as error,
           ${withValues ? sql`left(e.stderr, ${mostCharacters})` : sql`null`} as stderr,
           ${
             withValues
               ? sql`(select left(j.args::text, ${mostCharacters})
                      from ${schema}.jobs_between(p.id, g.seq, g.seq + 1, true) j)`
               : sql`null`
           } as args
    from largest g join ${schema}.posting p on p.id = g.posting_id
      left join lateral (
        select r.attempt, r.lease_id, o.error, o.stderr
        from ${schema}.outcome_run r
          cross join lateral ${schema}.each_outcome(r, false, ${withValues}) o
        where r.posting_id = g.posting_id and r.state = 'failed' and o.seq = g.seq
          and r.first_seq > g.seq - 1000 and r.first_seq <= g.seq
        order by r.attempt desc limit 1) e on true
      left join ${schema}.lease l on l.id = e.lease_id
      left join ${schema}.pool w on w.id = l.pool_id
    order by g.count desc, g.posting_id, g.fingerprint`;
  return {
    groups: rows.map(({ groupCount: _count, ...group }) => group),
    groupCount: rows[0]?.groupCount ?? 0,
  };
}
