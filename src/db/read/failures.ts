import type { JobError } from "../../domain/attempt.ts";
import type { Db } from "../connection/connect.ts";

/** Failures that look the same, with the newest of them as the example. */
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

/** The most failures of a posting that are read. */
export const mostFailures = 100_000;

/** The failures of a posting that count, grouped by their fingerprint, the largest group first. */
export const readFailures = ({ sql, schema }: Db, postingId: number) => sql<FailureGroup[]>`
  with failed as materialized (
    select seq, attempt, ended_at, lease_id, ${schema}.fingerprint(error) as fingerprint
    from ${schema}.failed_jobs(${postingId}, 0, 2147483647) limit ${mostFailures}),
  grouped as (
    select fingerprint, count(*)::integer as count, min(ended_at) as first_at,
           max(ended_at) as last_at, (array_agg(seq order by ended_at desc, seq))[1] as seq
    from failed group by fingerprint)
  select g.fingerprint, g.count, g.first_at, g.last_at, coalesce(j.index, j.seq) as index,
         f.attempt, p.host, o.error
  from grouped g join failed f using (seq)
    join ${schema}.job j on j.posting_id = ${postingId} and j.seq = g.seq
    join ${schema}.outcome o
      on o.posting_id = ${postingId} and o.seq = g.seq and o.attempt = f.attempt
    left join ${schema}.lease l on l.id = f.lease_id
    left join ${schema}.pool p on p.id = l.pool_id
  order by g.count desc, g.fingerprint`;
