-- Listens on the channels of pools: 'posted' wakes those that are idle, 'changed' tells those that
-- run jobs of a posting that it was stopped.
create function pdoflow.listen() returns void language plpgsql as $$
begin
  listen "pdoflow.posted";
  listen "pdoflow.changed";
end $$;

-- Wakes pools that wait for something to do; to be called last in a transaction. Nothing is sent
-- where none waits: NOTIFY takes a lock on the whole database at commit (rule 8). A pool that says
-- at this moment that it listens looks once more after that, and then soon again.
create function pdoflow.wake(p_posting bigint) returns void language sql as $$
  select pg_notify('pdoflow.posted', p_posting::text)
  where exists (select from pdoflow.pool where state in ('up', 'draining') and listens)
$$;

-- Declares a pool lost whose heartbeat is older than its heartbeat timeout, and puts what it held
-- back into the queue: outcomes that it had recorded stay, jobs that it was known to run have used
-- up their attempt (one that brings its pool down must not do so for ever), all others have not.
-- Any pool calls this until it returns nothing; of several at the same moment each dead pool is
-- rescued by one. One pool a transaction: leases come before postings in the order of locks, and
-- those of a second pool would be locked after the postings of the first. Given routes, only one
-- whose jobs are all of these.
create function pdoflow.rescue(p_routes integer[] default null)
returns table (pool_id bigint, host text, jobs integer) language plpgsql as $$
#variable_conflict use_column
declare
  v_pool record;
  v_leases bigint[];
  v_failed integer;
begin
  select p.id, p.host, p.pid, p.running into v_pool from pdoflow.pool p
  where p.state in ('up', 'draining')
    and p.beat_at < clock_timestamp() - p.heartbeat_timeout_ms * interval '1 ms'
    and (p_routes is null or not exists (
      select from pdoflow.lease l join pdoflow.posting o on o.id = l.posting_ids[1]
      where l.pool_id = p.id and l.active and o.route_id <> all (p_routes)))
  order by p.id limit 1 for update skip locked;
  if not found then return; end if;
  update pdoflow.pool set state = 'lost', running = '[]' where id = v_pool.id;
  -- All leases, then all postings, each by their numbers, before the two steps below that lock
  -- some of them: cancelling many at the same moment goes by the same order.
  perform from pdoflow.lease where pool_id = v_pool.id and active order by id for update;
  perform from pdoflow.posting where id = any (
    array(select unnest(posting_ids) from pdoflow.lease where pool_id = v_pool.id and active))
  order by id for no key update;
  v_failed := pdoflow.record_lost(v_pool.id, v_pool.running,
    format('pool %s on %s (pid %s) was lost while it ran this job', v_pool.id, v_pool.host,
           v_pool.pid));
  v_leases := array(select id from pdoflow.lease where pool_id = v_pool.id and active);
  pool_id := v_pool.id;
  host := v_pool.host;
  jobs := v_failed + pdoflow.release(v_pool.id, v_leases, '{}', '{}', '{}', '{}', '{}', 1);
  return next;
end $$;

-- Ends a pool in an orderly way: releases all that it holds, and marks it as stopped (O1). Waits
-- for a claim that is under way. Returns how many jobs went back.
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

-- Records a failed attempt for each job that a lost pool ran, and returns how many: those that it
-- had told (O2), and the job of a lease that was cut down to one job after two pools were lost with
-- it in hand (Y3).
create function pdoflow.record_lost(p_pool bigint, p_running jsonb, p_message text)
returns integer language plpgsql as $$
#variable_conflict use_column
declare
  v_lost record;
begin
  select count(*)::integer as jobs, pdoflow.record(
    p_pool, count(*)::integer, array_agg(s.lease_id), array_agg(s.posting_id), array_agg(s.seq),
    array_agg(s.attempt),
    array_agg((case when s.attempt < p.max_attempts then 'retried' else 'failed' end)
                ::pdoflow.outcome_state),
    '{0}', '{0}', '{0}',
    array_agg(null::text),
    array_agg(jsonb_build_object('name', 'PoolLost', 'message', p_message)::text),
    array_agg(least(p.backoff_ms * 2 ^ least(s.attempt - 1, 30), 3600000)::bigint), '{}') as refused
  into v_lost from (
    select l.id as lease_id, r.posting_id, j.seq, r.attempt
    from pdoflow.lease l cross join lateral
      unnest(l.posting_ids, l.first_seqs, l.end_seqs, l.attempts)
        as r (posting_id, first_seq, end_seq, attempt)
      join jsonb_to_recordset(p_running) as j (posting bigint, seq integer, attempt integer)
        on j.posting = r.posting_id and j.attempt = r.attempt
       and r.first_seq <= j.seq and j.seq < r.end_seq
    where l.pool_id = p_pool and l.active
    union
    select l.id, l.posting_ids[1], l.first_seqs[1], l.attempts[1]
    from pdoflow.lease l
    where l.pool_id = p_pool and l.active and l.lost >= 2
      and cardinality(l.posting_ids) = 1 and l.end_seqs[1] - l.first_seqs[1] = 1
  ) s join pdoflow.posting p on p.id = s.posting_id
  where not exists (
    select from pdoflow.outcome o
    where o.posting_id = s.posting_id and o.seq = s.seq and o.attempt = s.attempt)
  having count(*) > 0;
  return coalesce(v_lost.jobs, 0);
end $$;

-- Stops postings that are open for now (p_state: paused or errored_out): nothing of them is claimed
-- until they are resumed. Returns those that it stopped.
create function pdoflow.pause_postings(
  p_postings bigint[], p_state pdoflow.posting_state, p_reason text)
returns bigint[] language plpgsql as $$
#variable_conflict use_column
declare
  v_ids bigint[];
begin
  -- Waits for outcomes that are being recorded with retries, which the statements below then see.
  v_ids := array(select id from pdoflow.posting
                 where id = any (p_postings) and state = 'open' and ended_at is null
                 order by id for no key update);
  update pdoflow.posting set state = p_state, reason = left(p_reason, 1000)
  where id = any (v_ids);
  update pdoflow.lane set state = 'paused' where posting_id = any (v_ids) and state = 'open';
  update pdoflow.retry set due_at = 'infinity' where posting_id = any (v_ids);
  perform pg_notify('pdoflow.changed', id::text) from unnest(v_ids) as id;
  return v_ids;
end $$;

-- Opens postings that were paused or errored out again. Returns those that it opened.
create function pdoflow.resume(p_postings bigint[]) returns bigint[] language plpgsql as $$
#variable_conflict use_column
declare
  v_ids bigint[];
begin
  v_ids := array(select id from pdoflow.posting
                 where id = any (p_postings) and state in ('paused', 'errored_out')
                   and ended_at is null
                 order by id for no key update);
  update pdoflow.posting
  set state = 'open', reason = null, run_at = case when run_at > now() then run_at end
  where id = any (v_ids);
  update pdoflow.lane set state = 'open'
  where posting_id = any (v_ids) and state = 'paused' and not exists (
    select from pdoflow.posting p where p.id = posting_id and p.run_at is not null);
  update pdoflow.retry set due_at = now() where posting_id = any (v_ids) and due_at = 'infinity';
  perform pg_notify('pdoflow.posted', id::text) from unnest(v_ids) as id;
  return v_ids;
end $$;

-- Gives all jobs of postings that have not ended another priority, those that wait for another
-- attempt too; what is claimed goes on. Costs what there are of lanes and of such retries, not of
-- jobs. Returns those that it changed.
create function pdoflow.set_priorities(p_postings bigint[], p_priority integer) returns bigint[]
language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_ids bigint[];
begin
  -- As in hold: retries that are being written at this moment are there for the last statement.
  v_ids := array(select id from pdoflow.posting
                 where id = any (p_postings) and ended_at is null
                 order by id for no key update);
  update pdoflow.lane set override_priority = p_priority where posting_id = any (v_ids);
  update pdoflow.retry set priority = p_priority where posting_id = any (v_ids);
  return v_ids;
end $$;

-- Cancels postings that have not ended: what waits is counted as cancelled at once, what runs is
-- killed by its pool (or left to end, p_kills false). What waits because it was retried by hand has
-- failed, as before that (U2). Returns those that it cancelled.
create function pdoflow.cancel(p_postings bigint[], p_kills boolean, p_reason text)
returns bigint[] language plpgsql as $$
#variable_conflict use_column
declare
  v_ids bigint[];
  v_gone record;
begin
  v_ids := array(select id from pdoflow.posting
                 where id = any (p_postings) and state <> 'cancelled' and ended_at is null
                 order by id for no key update);
  update pdoflow.posting
  set state = 'cancelled', kills_running = p_kills, reason = left(p_reason, 1000)
  where id = any (v_ids);
  perform from pdoflow.lane where posting_id = any (v_ids) and state <> 'closed'
  order by posting_id, priority for no key update;
  with gone as (
    delete from pdoflow.retry where posting_id = any (v_ids)
    returning posting_id, first_seq, end_seq, attempt)
  select array_agg(posting_id) as postings, array_agg(first_seq) as firsts,
         array_agg(end_seq) as ends, array_agg(attempt) as attempts
  into v_gone from gone;
  -- A statement after the locks: it sees the newest lease of each lane (L1).
  insert into pdoflow.progress (posting_id, cancelled, failed, retrying, released)
  select l.posting_id, sum(l.end_seq - coalesce(e.lane_end_seq, l.first_seq)), 0, 0, 0
  from pdoflow.lane l left join lateral (
    select lane_end_seq from pdoflow.lease
    where lane_posting_id = l.posting_id and lane_priority = l.priority
    order by lane_first_seq desc limit 1) e on true
  where l.posting_id = any (v_ids) and l.state <> 'closed' group by l.posting_id
  union all
  select posting_id, sum(end_seq - first_seq), 0,
         -coalesce(sum(end_seq - first_seq) filter (where attempt > 1), 0),
         -coalesce(sum(end_seq - first_seq) filter (where attempt = 1), 0)
  from unnest(v_gone.postings, v_gone.firsts, v_gone.ends, v_gone.attempts)
    as g (posting_id, first_seq, end_seq, attempt)
  group by posting_id
  union all
  select posting_id, -jobs, jobs, 0, 0 from pdoflow.restore_failures(
    v_gone.postings, v_gone.firsts, v_gone.ends, v_gone.attempts);
  update pdoflow.lane set state = 'closed' where posting_id = any (v_ids) and state <> 'closed';
  perform pg_notify('pdoflow.changed', id::text) from unnest(v_ids) as id;
  perform pdoflow.finish(v_ids);
  return v_ids;
end $$;
