import type { PendingQuery, Row } from "postgres";

import type { JobError } from "../../domain/attempt.ts";
import type { Db } from "../connection/connect.ts";

/** Similar failures, with the newest of them as the example. */
export interface FailureGroup {
  fingerprint: string;
  count: number;
  firstAt: Date;
  lastAt: Date;
  /** The index, the attempt and the host of the example. */
  index: number;
  attempt: number;
  host: string | null;
  error: JobError;
}

/** The maximum number of failures of a posting that are read. */
export const failureLimit = 100_000;

/** The failed jobs of a posting, grouped by their fingerprint, the largest group first. */
export const readFailures = (db: Db, postingId: number) =>
  readGroups(
    db,
    postingId,
    db.sql`
      select *, ${db.schema}.fingerprint(error) as fingerprint
      from ${db.schema}.failed_jobs(${postingId}, 0, 2147483647) limit ${failureLimit}`,
  );

/**
 * The last failures of jobs that wait for another attempt or are running it, grouped in the same
 * way. A released job may be both in a lease and waiting.
 */
export const readRetrying = (db: Db, postingId: number) =>
  readGroups(
    db,
    postingId,
    db.sql`
      select distinct on (o.seq) o.seq, r.attempt, o.ended_at, r.lease_id, o.error,
             ${db.schema}.fingerprint(o.error) as fingerprint
      from (
        select first_seq, end_seq, attempt from ${db.schema}.retry
        where posting_id = ${postingId} and attempt > 1
        union all
        select r.first_seq, r.end_seq, r.attempt
        from ${db.schema}.lease l cross join lateral
          unnest(l.posting_ids, l.first_seqs, l.end_seqs, l.attempts)
            as r (posting_id, first_seq, end_seq, attempt)
        where l.active and ${postingId} = any (l.posting_ids) and r.posting_id = ${postingId}
          and r.attempt > 1) again
        join ${db.schema}.outcome_run r
          on r.posting_id = ${postingId} and r.attempt = again.attempt - 1
            and r.first_seq > again.first_seq - 1000 and r.first_seq < again.end_seq
            and r.errors is not null
        cross join lateral ${db.schema}.each_outcome(r, false, false) o
      where o.seq >= again.first_seq and o.seq < again.end_seq
        and not ${db.schema}.has_ended(${postingId}, o.seq, again.attempt)
      order by o.seq limit ${failureLimit}`,
  );

const readGroups = ({ sql, schema }: Db, postingId: number, failed: PendingQuery<Row[]>) => sql<
  FailureGroup[]
>`
  with failed as materialized (${failed}),
  grouped as (
    select fingerprint, count(*)::integer as count, min(ended_at) as first_at,
           max(ended_at) as last_at, (array_agg(seq order by ended_at desc, seq))[1] as seq
    from failed group by fingerprint)
  select g.fingerprint, g.count, g.first_at, g.last_at, 
         case when s.is_sorted then ${schema}.index_of(${postingId}, g.seq) else g.seq end as index,
         f.attempt, p.host, f.error
  from grouped g join failed f using (seq)
    join ${schema}.posting s on s.id = ${postingId}
    left join ${schema}.lease l on l.id = f.lease_id
    left join ${schema}.pool p on p.id = l.pool_id
  order by g.count desc, g.fingerprint`;
