-- Releasing leased jobs that have not ended.

-- The ranges of jobs of these leases that have no outcome, except for the ranges p_keep_*. size is
-- the number of jobs, state that of the posting.
create function pdoflow.unfinished(
  p_active bigint[], p_keep_leases bigint[], p_keep_postings bigint[], p_keep_firsts integer[],
  p_keep_ends integer[]
) returns table (posting_id bigint, attempt integer, lost integer, first_seq integer,
                 end_seq integer, size bigint, state pdoflow.posting_state)
language plpgsql as $$
#variable_conflict use_column
declare
  v_first bigint;
  v_last bigint;
begin
  -- With these bounds the planner excludes other spans in advance; with a join it does so only at
  -- run time.
  select min(u.id), max(u.id) into v_first, v_last
  from pdoflow.lease l cross join lateral unnest(l.posting_ids) as u (id)
  where l.id = any (p_active);
  return query
    select r.posting_id, r.attempt, l.lost, lower(rest.seqs), upper(rest.seqs),
           upper(rest.seqs)::bigint - lower(rest.seqs),
           -- Not a join: the planner expects many ranges, and reads all postings.
           (select state from pdoflow.posting where id = r.posting_id)
    from pdoflow.lease l cross join lateral pdoflow.ranges_of(l) as r
      -- For each range by itself: a join would read all outcomes of the posting in those spans.
      cross join lateral unnest(
        int4multirange(int4range(r.first_seq, r.end_seq))
        - coalesce((
            select range_agg(int4range(o.first_seq, o.end_seq)) from pdoflow.outcome_run o
            where o.posting_id = r.posting_id and o.attempt = r.attempt
              and o.first_seq > r.first_seq - 1000 and o.first_seq < r.end_seq
              and o.posting_id >= v_first and o.posting_id <= v_last), '{}')
        - coalesce((
            select range_agg(int4range(k.first_seq, k.end_seq))
            from unnest(p_keep_leases, p_keep_postings, p_keep_firsts, p_keep_ends)
              as k (lease_id, posting_id, first_seq, end_seq)
            where k.lease_id = l.id and k.posting_id = r.posting_id), '{}')) as rest (seqs)
    where l.id = any (p_active);
end $$;

-- Ends leases of a batch of outcomes, except for those with jobs that have no outcome (L3), because
-- a pool may be wrong. A lease all of whose jobs are in this batch, the usual case, is not looked
-- up; nor is one of many small postings, because that would take a step of the index for each.
create function pdoflow.end_leases(
  p_active bigint[], p_batch pdoflow.outcome_batch, p_skip bigint[]
) returns void language plpgsql as $$
declare
  v_ending bigint[] := array(
    select id from unnest(p_batch.complete) as c (id) where id = any (p_active));
  v_ended integer;
begin
  update pdoflow.lease l set active = false
  from (
    select lease_id, sum(end_seq - first_seq) as jobs
    from unnest(p_batch.leases, p_batch.firsts, p_batch.ends) with ordinality
      as b (lease_id, first_seq, end_seq, position)
    where position <> all (p_skip) group by lease_id) b
  where l.id = b.lease_id and l.id = any (v_ending)
    and (cardinality(l.first_seqs) > 16 or b.jobs = (
      select sum(r.end_seq - r.first_seq)
      from unnest(l.first_seqs, l.end_seqs) as r (first_seq, end_seq)));
  get diagnostics v_ended = row_count;
  if v_ended = cardinality(v_ending) then return; end if;
  update pdoflow.lease l set active = false
  where l.id = any (v_ending) and l.active
    and case when cardinality(l.first_seqs) > 16 then true
             else not exists (
               select from pdoflow.unfinished(array[l.id], '{}', '{}', '{}', '{}')) end;
end $$;

-- Releases the unfinished jobs of leases of p_pool, except for the ranges p_keep_*, which stay
-- leased. Jobs without an outcome return to the queue with their attempt unused, and leases of
-- which nothing is kept end (L3). Wakes other pools. Returns the number of released jobs.
--   p_lost   1 if the pool was lost while it had them, else 0 (Y3)
create function pdoflow.release(
  p_pool bigint, p_leases bigint[], p_keep_leases bigint[], p_keep_postings bigint[],
  p_keep_firsts integer[], p_keep_ends integer[], p_keep_attempts integer[], p_lost integer
) returns integer language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_active bigint[];
  v_back record;
begin
  -- A separate statement: it waits for outcomes that are being recorded, and the next one sees
  -- them.
  v_active := array(select id from pdoflow.lease
                  where id = any (p_leases) and case when active then pool_id end = p_pool
                  order by id for update);
  perform from pdoflow.posting where id = any (
    array(select unnest(posting_ids) from pdoflow.lease where id = any (v_active)))
  order by id for share;
  with island as (
    select * from pdoflow.unfinished(v_active, p_keep_leases, p_keep_postings, p_keep_firsts,
                                     p_keep_ends)),
  back as (
    insert into pdoflow.retry (posting_id, priority, route_id, first_seq, end_seq, attempt,
                               due_at, lost)
    select i.posting_id, pdoflow.effective_priority(i.posting_id, i.first_seq),
           (select route_id from pdoflow.posting where id = i.posting_id), i.first_seq, i.end_seq,
           i.attempt, case i.state when 'open' then now() else 'infinity' end, i.lost + p_lost
    from island i
    where i.state <> 'cancelled'),
  counted as (
    insert into pdoflow.progress (posting_id, retrying, released, cancelled)
    select posting_id,
           coalesce(sum(size) filter (where state <> 'cancelled' and attempt > 1), 0),
           coalesce(sum(size) filter (where state <> 'cancelled' and attempt = 1), 0),
           coalesce(sum(size) filter (where state = 'cancelled'), 0)
    from island group by posting_id)
  select coalesce(sum(size), 0) as jobs,
         (sum(size) filter (where state = 'open'))::bigint as open_jobs,
         array_agg(distinct posting_id) filter (where state = 'open') as open_postings,
         array_agg(posting_id) filter (where state = 'cancelled') as postings,
         array_agg(first_seq) filter (where state = 'cancelled') as firsts,
         array_agg(end_seq) filter (where state = 'cancelled') as ends,
         array_agg(attempt) filter (where state = 'cancelled') as attempts
  into v_back from island;
  -- For jobs that were retried by hand and not attempted since, the failure before counts (U2).
  insert into pdoflow.progress (posting_id, cancelled, failed)
  select posting_id, -jobs, jobs from pdoflow.restore_failures(
    v_back.postings, v_back.firsts, v_back.ends, v_back.attempts);

  update pdoflow.lease l
  set active = k.posting_ids is not null,
      posting_ids = coalesce(k.posting_ids, l.posting_ids),
      first_seqs = coalesce(k.first_seqs, l.first_seqs),
      end_seqs = coalesce(k.end_seqs, l.end_seqs),
      attempts = coalesce(k.attempts, l.attempts)
  from unnest(v_active) as h (id) left join (
    select k.lease_id, array_agg(k.posting_id) as posting_ids,
           array_agg(greatest(k.first_seq, r.first_seq)) as first_seqs,
           array_agg(least(k.end_seq, r.end_seq)) as end_seqs, array_agg(k.attempt) as attempts
    from unnest(p_keep_leases, p_keep_postings, p_keep_firsts, p_keep_ends, p_keep_attempts)
        as k (lease_id, posting_id, first_seq, end_seq, attempt)
      join pdoflow.lease l on l.id = k.lease_id
      -- Only what it still has: a repeated call may be late, after another one has released more.
      join lateral pdoflow.ranges_of(l) as r
        on r.posting_id = k.posting_id and r.attempt = k.attempt
          and r.first_seq < k.end_seq and k.first_seq < r.end_seq
    group by k.lease_id) k on k.lease_id = h.id
  where l.id = h.id;
  if v_back.open_jobs > 0 then
    perform pdoflow.wake(v_back.open_postings, v_back.open_jobs, p_pool);
  end if;
  return v_back.jobs;
end $$;

-- Ends a pool in an orderly way: releases all its jobs, and marks it as stopped (O1). Waits for a
-- claim that is under way. Returns the number of released jobs.
create function pdoflow.end_pool(p_pool bigint) returns integer language plpgsql as $$
#variable_conflict use_column
declare
  v_back integer;
begin
  perform from pdoflow.pool where id = p_pool and state in ('up', 'draining') for update;
  if not found then return 0; end if;
  v_back := pdoflow.release(
    p_pool, array(select id from pdoflow.lease where pool_id = p_pool and active),
    '{}', '{}', '{}', '{}', '{}', 0);
  update pdoflow.pool set state = 'stopped', running = '[]' where id = p_pool;
  return v_back;
end $$;
