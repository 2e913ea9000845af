import type { Db } from "../../../src/db/connection/connect.ts";
import type { OutcomeState } from "../../../src/domain/attempt.ts";
import {
  type Attempt,
  attemptKey,
  type Due,
  jobKey,
  type Lane,
  type Lease,
  type Place,
  type Pool,
  type Posting,
  type Queue,
} from "./queue.ts";
import { eachJob } from "../each-job.ts";

interface LeaseRow {
  id: number;
  poolId: number;
  isActive: boolean;
  lost: number;
  runningLimit: number | null;
  ranges: [postingId: number, firstSeq: number, endSeq: number, attempt: number][];
}
type OutcomeRow = Attempt & { state: OutcomeState; leaseId: number };
type RetryRow = Attempt & { due: Due; lost: number };

const seqsOf = (first: number, end: number) =>
  Array.from({ length: end - first }, (_, place) => first + place);

/** The queue as the tables have it; nothing else may happen in the database meanwhile. */
export async function readQueue({ sql }: Db): Promise<Queue> {
  const [postings, lanes, jobs, outcomes, retries, leaseRows, pools] = await Promise.all([
    sql<Posting[]>`
      select id, entry_point, route_id, job_count, max_attempts, backoff_ms, max_running, state,
             ended_at is not null as is_ended,
             case when run_at is null then 'begun' when run_at > now() then 'later'
                  else 'due' end as start
      from pdoflow.posting order by id`,
    sql<Lane[]>`
      select posting_id, priority, effective_priority as rank, first_seq, end_seq, state,
             coalesce((select max(lane_end_seq) from pdoflow.lease e
                       where (lane_posting_id, lane_priority) = (l.posting_id, l.priority)),
                      first_seq) as cursor
      from pdoflow.lane l
      union all
      select id, priority, coalesce(override_priority, priority), 0, job_count, 'closed', job_count
      from pdoflow.posting p where priority is not null and not exists (
        select from pdoflow.lane where posting_id = p.id) 
      order by posting_id, first_seq`,
    sql<{ postingId: number; seq: number }[]>`
      select posting_id, seq from ${sql.unsafe(eachJob)} order by posting_id, seq`,
    sql<OutcomeRow[]>`
      select posting_id, seq, attempt, state, lease_id from pdoflow.outcome
      order by posting_id, seq, attempt`,
    sql<RetryRow[]>`
      select posting_id, s.seq, attempt, lost,
             case due_at when 'infinity' then 'never'
               else case when due_at <= now() then 'now' else 'later' end end as due
      from pdoflow.retry cross join lateral generate_series(first_seq, end_seq - 1) as s (seq)`,
    sql<LeaseRow[]>`
      select id, pool_id, active as is_active, lost, running_limit,
             (select json_agg(json_build_array(r.p, r.f, r.e, r.a))
              from unnest(posting_ids, first_seqs, end_seqs, attempts) as r (p, f, e, a)) as ranges
      from pdoflow.lease order by id`,
    sql<Pool[]>`
      select id, state, refused, heartbeat_at < now() - interval '12 hours' as is_silent,
             (select coalesce(json_agg(json_build_object('postingId', r->'posting', 'seq',
                r->'seq', 'attempt', r->'attempt')), '[]') from jsonb_array_elements(running) r)
               as running
      from pdoflow.pool order by number`,
  ]);
  const leases = leaseRows.map(leaseOf);
  const rows = { postings, lanes, outcomes, retries, leases };
  const places = placesOf(rows);
  return {
    postings: new Map(postings.map((posting) => [posting.id, { ...posting }])),
    lanes: lanes.map((lane) => ({ ...lane })),
    places: new Map(jobs.map((job) => [jobKey(job), places(job)])),
    outcomes: new Map(
      outcomes.map((row) => [attemptKey(row), { state: row.state, leaseId: row.leaseId }]),
    ),
    leases: new Map(leases.map((lease) => [lease.id, lease])),
    pools: new Map(pools.map((pool) => [pool.id, { ...pool }])),
  };
}

const leaseOf = ({ ranges, ...lease }: LeaseRow): Lease => ({
  ...lease,
  jobs: ranges.flatMap(([postingId, first, end, attempt]) =>
    seqsOf(first, end).map((seq) => ({ postingId, seq, attempt })),
  ),
});

interface Rows {
  postings: readonly Posting[];
  lanes: readonly Lane[];
  outcomes: readonly OutcomeRow[];
  retries: readonly RetryRow[];
  leases: readonly Lease[];
}

/** Tells where a job is; the invariants have been checked, so it is in one place. */
function placesOf({ postings, lanes, outcomes, retries, leases }: Rows) {
  const known = new Map<string, Place>();
  for (const { id: postingId, jobCount, state } of postings) {
    if (state !== "cancelled") continue;
    for (const seq of seqsOf(0, jobCount))
      known.set(jobKey({ postingId, seq }), { at: "cancelled" });
  }
  for (const { postingId, cursor, endSeq, state } of lanes) {
    if (state === "closed") continue;
    for (const seq of seqsOf(cursor, endSeq)) known.set(jobKey({ postingId, seq }), { at: "lane" });
  }
  const recorded = new Set(outcomes.map(attemptKey));
  for (const { id: leaseId, isActive, jobs } of leases) {
    for (const job of isActive ? jobs : []) {
      if (recorded.has(attemptKey(job))) continue;
      known.set(jobKey(job), { at: "lease", leaseId, attempt: job.attempt });
    }
  }
  for (const row of retries) {
    known.set(jobKey(row), { at: "retry", attempt: row.attempt, due: row.due, lost: row.lost });
  }
  for (const row of outcomes) {
    const place = known.get(jobKey(row));
    const isTriedAgain = place && "attempt" in place && place.attempt > row.attempt;
    if (row.state === "retried" || isTriedAgain) continue;
    known.set(jobKey(row), { at: "ended", state: row.state, attempt: row.attempt });
  }
  return (job: { postingId: number; seq: number }): Place => {
    const place = known.get(jobKey(job));
    if (!place) throw new Error(`job ${jobKey(job)} is nowhere`);
    return place;
  };
}
