-- Rescuing the jobs of lost pools.

-- Declares one pool lost if its last heartbeat is older than its heartbeat timeout, and puts its
-- jobs back into the queue. Recorded outcomes stay. Jobs that the pool reported as running have
-- used their attempt, because a job that kills its pool must not do so forever; all others have
-- not. Nor has any job of a run (R2), because only a person resumes it. Each pool calls this until
-- it returns nothing. If several do so at once, only one of them rescues a given pool. A
-- transaction rescues only one pool: leases come before postings in the order of locks, and the
-- leases of a second pool would be locked after the postings of the first. With p_routes, only
-- rescues a pool whose jobs all have these routes.
create function pdoflow.rescue(p_routes integer[] default null)
returns table (pool bigint, host text, jobs integer, failed integer) language plpgsql as $$
#variable_conflict use_column
declare
  v_pool record;
  v_leases bigint[];
  v_lost record;
begin
  select p.id, p.number, p.host, p.pid, p.running, p.heartbeat_at into v_pool from pdoflow.pool p
  where p.state in ('up', 'draining')
    and p.heartbeat_at < clock_timestamp() - p.heartbeat_timeout_ms * interval '1 ms'
    and (p_routes is null or not exists (
      select from pdoflow.lease l join pdoflow.posting o on o.id = l.posting_ids[1]
      where l.pool_id = p.id and l.active and o.route_id <> all (p_routes)))
  order by p.number limit 1 for update skip locked;
  if not found then return; end if;
  update pdoflow.pool set state = 'lost', running = '[]' where id = v_pool.id;
  -- Lock all leases, then all postings, each by id, before the two steps below lock some of them.
  -- Cancelling many postings uses the same order.
  perform from pdoflow.lease where pool_id = v_pool.id and active order by id for update;
  perform from pdoflow.posting where id = any (
    array(select unnest(posting_ids) from pdoflow.lease where pool_id = v_pool.id and active))
  order by id for no key update;
  select l.jobs, l.failed into v_lost from pdoflow.record_lost(
    v_pool.id, v_pool.running, v_pool.heartbeat_at,
    format('pool %s on %s (pid %s) was lost while it ran this job', v_pool.number, v_pool.host,
           v_pool.pid)) l;
  v_leases := array(select id from pdoflow.lease where pool_id = v_pool.id and active);
  pool := v_pool.number;
  host := v_pool.host;
  failed := v_lost.failed;
  jobs := v_lost.jobs + pdoflow.release(v_pool.id, v_leases, '{}', '{}', '{}', '{}', '{}', 1);
  return next;
end $$;

-- Records a failed attempt for each job that a lost pool ran: the jobs that it had reported (O2),
-- except for those of a run, and the job of a lease that was reduced to one job after two pools
-- were lost with it (Y3). Each has ended at the pool's last heartbeat, as far as anybody knows.
-- Returns the number of jobs, and how many of them have failed for good.
create function pdoflow.record_lost(
  p_pool bigint, p_running jsonb, p_heartbeat_at timestamptz, p_message text,
  out jobs integer, out failed integer
) language plpgsql as $$
#variable_conflict use_column
declare
  v_lost record;
  v_now timestamptz := clock_timestamp();
  v_silent_us bigint := 1000000 * extract(epoch from
    v_now - greatest(p_heartbeat_at, v_now - interval '1 day'));
begin
  select count(*)::integer as jobs,
         (count(*) filter (where s.attempt >= p.max_attempts))::integer as failed,
         pdoflow.record(p_pool, row(
    array_agg(s.lease_id), array_agg(s.posting_id), array_agg(s.seq), array_agg(s.seq + 1),
    array_agg(s.attempt),
    array_agg((case when s.attempt < p.max_attempts then 'retried' else 'failed' end)
                ::pdoflow.outcome_state),
    array_agg(v_silent_us), array_agg('{0}'::text), array_agg(format('{%s}', s.ran_us)),
    array_agg('{0}'::text),
    array_agg(case when s.attempt < p.max_attempts then
      format('{%s}', least(p.backoff_ms * 2 ^ least(s.attempt - 1, 30), 3600000)::bigint) end),
    array_agg(null::text),
    array_agg(jsonb_build_object('name', 'PoolLost', 'message', p_message)::text),
    array_agg(null::text), array_agg(null::text), '{}', 0, null)::pdoflow.outcome_batch) as refused
  into v_lost from (
    -- A job can be both reported and the last one of its lease, and be reported twice.
    select lease_id, posting_id, seq, attempt, max(ran_us) as ran_us from (
      select l.id as lease_id, r.posting_id, j.seq, r.attempt,
             -- A job that was about to start has no time. A pool may report any number.
             (least(greatest(coalesce(j.ms, 0), 0), 1e12) * 1000)::bigint as ran_us
      from pdoflow.lease l cross join lateral pdoflow.ranges_of(l) as r
        join jsonb_to_recordset(p_running) as j (posting bigint, seq integer, attempt integer,
                                                 ms float8)
          on j.posting = r.posting_id and j.attempt = r.attempt
         and r.first_seq <= j.seq and j.seq < r.end_seq
      where l.pool_id = p_pool and l.active
        and not exists (select from pdoflow.posting q join pdoflow.route t on t.id = q.route_id
                        where q.id = r.posting_id and t.run <> '')
      union all
      select l.id, l.posting_ids[1], l.first_seqs[1], l.attempts[1], 0
      from pdoflow.lease l
      where l.pool_id = p_pool and l.active and l.lost >= 2
        and cardinality(l.posting_ids) = 1 and l.end_seqs[1] - l.first_seqs[1] = 1
    ) u group by lease_id, posting_id, seq, attempt
  ) s join pdoflow.posting p on p.id = s.posting_id
  where not pdoflow.has_ended(s.posting_id, s.seq, s.attempt)
  having count(*) > 0;
  jobs := coalesce(v_lost.jobs, 0);
  failed := coalesce(v_lost.failed, 0);
end $$;
