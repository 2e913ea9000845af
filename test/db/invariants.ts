import type { Db } from "../../src/db/connection/connect.ts";
import { eachJob } from "./each-job.ts";

/**
 * The faults in the whole database, a sentence for each: checks every job, lane, lease, retry,
 * outcome and total against the promises of the tables' comments. Empty if all is well.
 */
export async function brokenInvariants(db: Db): Promise<string[]> {
  const faults: string[] = [];
  for (const look of [places, totals, lanes, leases, retries, postings, elements, children]) {
    for (const { fault } of await look(db)) faults.push(fault);
  }
  return faults;
}

/** Rule 1: each job is in exactly one place. Beyond the cursor (N2), leased, retrying or ended. */
const places = ({ sql }: Db) => sql<{ fault: string }[]>`
  with place as (${place(sql)}),
  -- Planned as a whole: for ten rows of it the planner would prefer a nested loop over all jobs.
  fault as materialized (
    select posting_id, seq, count(kind) as places, array_agg(kind) as kinds
    from ${sql.unsafe(eachJob)} left join place using (posting_id, seq)
      join pdoflow.posting p on p.id = posting_id
    group by posting_id, seq, p.id
    having count(kind) > 1 or (count(kind) = 0 and p.state <> 'cancelled' and not exists (
      select from pdoflow.edge e where e.posting_id = p.id and (e.feeds or e.skipped > 0))))
  select format('job %s/%s is in %s places: %s', posting_id, seq, places, kinds) as fault
  from fault limit 10`;

/** G1, G2 and P2: totals equal a count of all jobs. */
const totals = ({ sql }: Db) => sql<{ fault: string }[]>`
  with place as (${place(sql)}),
  counted as (
    select p.id, p.state, p.ended_at is not null as is_ended,
           count(*) filter (where kind = 'done') as done,
           count(*) filter (where kind = 'failed') as failed,
           count(*) filter (where kind = 'cancelled' or kind is null and not f.feeds) as cancelled,
           count(*) filter (where kind = 'retry' and attempt > 1) as retrying,
           count(*) filter (
             where kind = 'retry' and attempt = 1 or kind is null and f.feeds) as released
    from pdoflow.posting p
      cross join lateral (
        select exists (select from pdoflow.edge where posting_id = p.id and feeds) as feeds) f
      join ${sql.unsafe(eachJob)} on job.posting_id = p.id
      left join place on place.posting_id = job.posting_id and place.seq = job.seq
    group by p.id),
  told as (
    select p.id, p.done + coalesce(sum(g.done), 0) as done,
           p.failed + coalesce(sum(g.failed), 0) as failed,
           p.cancelled + coalesce(sum(g.cancelled), 0) as cancelled,
           coalesce(sum(g.retrying), 0) as retrying, coalesce(sum(g.released), 0) as released,
           count(g.posting_id) as progress_rows
    from pdoflow.posting p left join pdoflow.progress g on g.posting_id = p.id group by p.id)
  select format('G1: posting %s counts as %s, and is %s', id, told, counted) as fault
  from counted join told using (id)
  where (counted.done, counted.failed, counted.cancelled, counted.retrying, counted.released)
     <> (told.done, told.failed, told.cancelled, told.retrying, told.released)
  union all
  select format('G2: posting %s has ended, and has %s progress rows', id, progress_rows)
  from counted join told using (id) where is_ended and progress_rows > 0
  union all
  select format('F1: posting %s has %s failed jobs, and its groups have %s', id, t.failed, g.jobs)
  from told t left join (
    select posting_id as id, sum(jobs) as jobs from pdoflow.failure group by posting_id) g using (id)
  where t.failed <> coalesce(g.jobs, 0)
  union all
  select format('P2: posting %s has not ended, and has totals', id) from pdoflow.posting
  where ended_at is null and done + failed + cancelled > 0`;

/** C1: a child was posted exactly if its attempt was recorded as done, under the same lease. */
const children = ({ sql }: Db) => sql<{ fault: string }[]>`
  select format('C1: posting %s of %s/%s is %s, and the attempt %s', c.posting_id, c.parent_id,
                c.parent_seq, case when posted_at is null then 'no posting' else 'posted' end,
                coalesce(o.state::text, 'has no outcome')) as fault
  from pdoflow.child c left join pdoflow.outcome o
    on o.posting_id = c.parent_id and o.seq = c.parent_seq and o.attempt = c.attempt
   and o.lease_id = c.lease_id
  where exists (select from pdoflow.posting p where p.id = c.parent_id)
    and (posted_at is not null and o.state is distinct from 'done'
      or posted_at is null and o.state = 'done'
         and exists (select from pdoflow.posting p
                     where p.id = c.parent_id and p.state <> 'cancelled'))`;

/** N1, N3. */
const lanes = ({ sql }: Db) => sql<{ fault: string }[]>`
  select format('N1: lane %s of posting %s starts at %s, not at %s', priority, posting_id,
                first_seq, expected) as fault
  from (select *, coalesce(lag(end_seq) over (partition by posting_id order by priority desc), 0)
                  as expected from pdoflow.lane) l
  where first_seq <> expected
  union all
  select format('N1: the lanes of posting %s end at %s', p.id, max(l.end_seq))
  from pdoflow.posting p left join pdoflow.lane l on l.posting_id = p.id
  group by p.id having max(l.end_seq) is distinct from p.job_count
    and (p.priority is null or max(l.end_seq) is not null)
  union all
  select format('P10: posting %s is sorted: %s, and has the priority %s', id, is_sorted, priority)
  from pdoflow.posting where is_sorted and priority is not null
  union all
  select format('P10: lane %s of posting %s waits at %s, not %s', l.priority, p.id,
                l.effective_priority, p.override_priority)
  from pdoflow.posting p join pdoflow.lane l on l.posting_id = p.id
  where p.override_priority is distinct from l.override_priority
     or p.priority <> l.priority
  union all
  select format('N2: lane %s of posting %s is closed, and still exists', l.priority, p.id)
  from pdoflow.posting p join pdoflow.lane l on l.posting_id = p.id
  where p.priority is not null and l.state = 'closed'
  union all
  select format('P11: posting %s waits: %s, and has %s unmet edges', p.id, p.waits, e.unmet)
  from pdoflow.posting p cross join lateral (
    select count(*) as unmet from pdoflow.edge where posting_id = p.id and met_at is null and not lapsed) e
  where p.waits <> (e.unmet > 0)
  union all
  select format('N3: lane %s of posting %s (%s) is %s', l.priority, p.id, p.state, l.state)
  from pdoflow.posting p join pdoflow.lane l on l.posting_id = p.id
  where l.state <> 'closed' and l.state::text <>
    case when p.state = 'open' and p.run_at is null and not p.waits then 'open'
         when p.state = 'cancelled' then 'closed' else 'paused' end`;

/** L1: ranges of a lane follow each other, and no job of one attempt is in two held leases. */
const leases = ({ sql }: Db) => sql<{ fault: string }[]>`
  select format('L1: lease %s starts at %s, not at %s', id, lane_first_seq, expected) as fault
  from (select e.*, coalesce(lag(e.lane_end_seq) over w, l.first_seq, 0) as expected
        from pdoflow.lease e join pdoflow.posting p on p.id = e.lane_posting_id
          left join pdoflow.lane l
            on l.posting_id = e.lane_posting_id and l.priority = e.lane_priority
        window w as (partition by lane_posting_id, lane_priority order by lane_first_seq)) e
  where lane_first_seq <> expected
  union all
  select format('N2: closed lane %s of posting %s was taken up to %s of %s', priority, posting_id,
                taken, end_seq)
  from (select l.*, (select max(e.lane_end_seq) from pdoflow.lease e
                     where (e.lane_posting_id, e.lane_priority) = (l.posting_id, l.priority))
                    as taken from pdoflow.lane l join pdoflow.posting p on p.id = l.posting_id
        where l.state = 'closed' and p.state <> 'cancelled') l
  where taken <> end_seq`;

/** Y1, Y2. */
const retries = ({ sql }: Db) => sql<{ fault: string }[]>`
  select format('Y1: job %s/%s waits for attempt %s, which no failed one came before',
                r.posting_id, s.seq, r.attempt) as fault
  from pdoflow.retry r cross join lateral generate_series(r.first_seq, r.end_seq - 1) as s (seq)
  where r.attempt > 1 and not exists (
    select from pdoflow.outcome o where o.posting_id = r.posting_id and o.seq = s.seq
      and o.attempt = r.attempt - 1 and o.state in ('retried', 'failed'))
  union all
  select format('N4: a retry of posting %s waits at priority %s, its lane has %s', r.posting_id,
                r.priority, pdoflow.effective_priority(r.posting_id, r.first_seq))
  from pdoflow.retry r
  where r.priority is distinct from pdoflow.effective_priority(r.posting_id, r.first_seq)
  union all
  select format('Y2: a retry of posting %s (%s) is due at %s', p.id, p.state, r.due_at)
  from pdoflow.retry r join pdoflow.posting p on p.id = r.posting_id
  where (r.due_at = 'infinity')
      <> (p.state in ('paused', 'errored_out') or p.waits or p.run_at is not null)
     or p.state = 'cancelled' or p.ended_at is not null`;

/**
 * E1 to E3: the jobs that were ever released are those whose jobs of the upstream are done. By joins:
 * "in" is a scan for each row, once its list is larger than the memory of a sort.
 */
const elements = ({ sql }: Db) => sql<{ fault: string }[]>`
  with released as (select distinct posting_id, seq from (${place(sql)}) place),
  done as (select distinct posting_id, seq from pdoflow.outcome where state = 'done'),
  element as materialized (
    select e.posting_id, e.upstream_id, e.feeds, e.skipped, e.met_at is not null as is_met,
           d.state, s.seq, r.seq is not null as is_released, u.seq is not null as is_done
    from pdoflow.edge e join pdoflow.posting d on d.id = e.posting_id
      cross join lateral generate_series(0, d.job_count - 1) as s (seq)
      left join released r on r.posting_id = e.posting_id and r.seq = s.seq
      left join done u on u.posting_id = e.upstream_id and u.seq = s.seq
    where e.kind in ('each', 'over'))
  select format('E1: job %s/%s is released: %s, and %s/%s is done: %s', posting_id, seq,
                is_released, upstream_id, seq, is_done) as fault
  from element where is_released and not is_done
    or is_done and not is_released and is_met and state <> 'cancelled'
  union all
  select format('E3: posting %s skipped %s jobs, and %s', posting_id, skipped,
                count(*) filter (where not is_released))
  from element where not feeds and state <> 'cancelled' group by posting_id, skipped
  having skipped <> count(*) filter (where not is_released)
  union all
  select format('E1: posting %s has element-wise edges and lanes', e.posting_id)
  from pdoflow.edge e join pdoflow.lane using (posting_id) where e.kind in ('each', 'over')`;

/** J1, J2. */
const postings = ({ sql }: Db) => sql<{ fault: string }[]>`
  select format('J1: posting %s of %s jobs has %s, %s to %s', p.id, p.job_count, count(job.seq),
                min(job.seq), max(job.seq)) as fault
  from pdoflow.posting p left join ${sql.unsafe(eachJob)} on job.posting_id = p.id group by p.id
  having (count(job.seq), min(job.seq), max(job.seq)) is distinct from
         (p.job_count::bigint, case when p.job_count > 0 then 0 end,
          nullif(p.job_count, 0) - 1)
  union all
  select format('J2: the indexes of posting %s are not 0 to %s', p.id, p.job_count - 1)
  from pdoflow.posting p join ${sql.unsafe(eachJob)} on job.posting_id = p.id group by p.id
  having (count(distinct coalesce(index, seq)), max(coalesce(index, seq))) <>
         (p.job_count::bigint, p.job_count - 1)`;

/**
 * Each place where a job is, with the attempt that it waits for, runs in or ended with. A failure
 * after which it was retried by hand is none (U2).
 */
const place = (sql: Db["sql"]) => sql`
  select posting_id, seq, attempt, state::text as kind from pdoflow.outcome
  where state not in ('retried', 'failed')
  union all
  select posting_id, seq, attempt, 'failed' from pdoflow.outcome f
  where state = 'failed'
    and not exists (
      select from pdoflow.outcome n
      where (n.posting_id, n.seq, n.attempt) = (f.posting_id, f.seq, f.attempt + 1))
    and not exists (
      select from pdoflow.retry r
      where (r.posting_id, r.attempt) = (f.posting_id, f.attempt + 1)
        and r.first_seq <= f.seq and f.seq < r.end_seq)
    and not exists (
      select from pdoflow.lease l cross join lateral
        unnest(l.posting_ids, l.first_seqs, l.end_seqs, l.attempts)
          as r (posting_id, first_seq, end_seq, attempt)
      where l.active and (r.posting_id, r.attempt) = (f.posting_id, f.attempt + 1)
        and r.first_seq <= f.seq and f.seq < r.end_seq)
  union all
  select posting_id, s.seq, attempt, 'retry' from pdoflow.retry
    cross join lateral generate_series(first_seq, end_seq - 1) as s (seq)
  union all
  select r.posting_id, s.seq, r.attempt, 'lease' from pdoflow.lease l
    cross join lateral unnest(l.posting_ids, l.first_seqs, l.end_seqs, l.attempts)
      as r (posting_id, first_seq, end_seq, attempt)
    cross join lateral generate_series(r.first_seq, r.end_seq - 1) as s (seq)
  where l.active and not exists (
    select from pdoflow.outcome o
    where (o.posting_id, o.seq, o.attempt) = (r.posting_id, s.seq, r.attempt))
  union all
  select l.posting_id, s.seq, 1, 'lane' from pdoflow.lane l
    cross join lateral (
      select coalesce(max(e.lane_end_seq), l.first_seq) as cursor from pdoflow.lease e
      where (e.lane_posting_id, e.lane_priority) = (l.posting_id, l.priority)) c
    cross join lateral generate_series(c.cursor, l.end_seq - 1) as s (seq)
  where l.state <> 'closed'`;
