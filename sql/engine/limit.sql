-- The limits of a posting: the number of jobs that run at a time, and the rate of starts (P5).

-- The room that a posting has within its limits (P5). All columns are null if it has no limits.
--   running   how many more of its jobs can run; null means no limit
--   starts    how many more of its jobs can start now; null means no limit
--   jobs      the smaller of the two
--   wait_ms   if jobs is 0, the time until that may change
create function pdoflow.limit_room(
  p_posting bigint, out running integer, out starts integer, out jobs integer,
  out wait_ms integer
) language plpgsql stable as $$
#variable_conflict use_column
begin
  with posting as (
    select max_running, rate_count, rate_ms from pdoflow.posting
    where id = p_posting and coalesce(max_running, rate_count) is not null),
  -- L4: a leased job without an outcome runs, or may run at any moment.
  leased as (
    select coalesce(sum(least(l.running_limit, (
      select sum(r.end_seq - r.first_seq - (
        select coalesce(sum(least(o.end_seq, r.end_seq) - greatest(o.first_seq, r.first_seq)), 0)
        from pdoflow.outcome_run o
        where o.posting_id = p_posting and o.attempt = r.attempt
          and o.first_seq > r.first_seq - 1000 and o.first_seq < r.end_seq
          and o.end_seq > r.first_seq))
      from pdoflow.ranges_of(l) as r
      where r.posting_id = p_posting))), 0) as jobs
    from pdoflow.lease l
    where l.active and p_posting = any (l.posting_ids)
      and exists (select from posting where max_running is not null)),
  permitted as (
    select coalesce(sum(p.jobs), 0) as jobs, min(p.starts_by) as first
    from pdoflow.permit p, posting
    where p.posting_id = p_posting
      and p.starts_by > clock_timestamp() - posting.rate_ms * interval '1 ms')
  select (max_running - leased.jobs)::integer, (rate_count - permitted.jobs)::integer,
         least(max_running - leased.jobs, rate_count - permitted.jobs)::integer,
         case when rate_count <= permitted.jobs then ceil(1000 * extract(epoch from
                permitted.first + rate_ms * interval '1 ms' - clock_timestamp()))
              when max_running <= leased.jobs then 100
         end::integer
  into running, starts, jobs, wait_ms
  from posting, leased, permitted;
end $$;

-- The time in milliseconds for which a posting stays at its limits; null if it is not at one.
create function pdoflow.limit_wait_ms(p_posting bigint) returns integer
language plpgsql stable as $$
declare
  v_room record;
begin
  -- Nearly all postings have no limits, and this is much cheaper.
  if exists (select from pdoflow.posting
             where id = p_posting and coalesce(max_running, rate_count) is null) then
    return null;
  end if;
  v_room := pdoflow.limit_room(p_posting);
  return case when v_room.jobs < 1 then greatest(v_room.wait_ms, 1) end;
end $$;

-- Serializes the claims of a posting with limits. They take this lock before they lock its lane or
-- retries. Unless p_waits, returns false if another claim has the lock.
create function pdoflow.lock_permits(p_posting bigint, p_waits boolean) returns boolean
language plpgsql as $$
declare
  v_key bigint := hashtextextended('pdoflow.permit ' || p_posting, 0);
begin
  if not p_waits then return pg_try_advisory_xact_lock(v_key); end if;
  perform pg_advisory_xact_lock(v_key);
  return true;
end $$;

-- Permits a pool with p_idle idle workers to claim up to p_want jobs of a posting with limits in
-- this transaction. Of these, at most running_limit can run at a time (L4). Returns 0 jobs if the
-- limits allow none. Call this after lock_permits: then it sees permits that were given in the
-- meantime (M1).
--   p_ahead   the number of jobs that keep all workers of the pool busy for a quarter of a second;
--             null if unknown. If the posting has a rate, the permit is for 1/32 of them, because
--             all must start within p_slack_ms
create function pdoflow.permit_jobs(
  p_pool bigint, p_posting bigint, p_want integer, p_idle integer, p_ahead integer,
  p_slack_ms integer, out jobs integer, out running_limit integer
) language plpgsql as $$
#variable_conflict use_variable
declare
  v_workers integer := (select greatest(slots, 1) from pdoflow.pool where id = p_pool);
  v_starts integer;
begin
  select case when r.running is not null then least(p_idle, r.running) end, r.starts
  into running_limit, v_starts from pdoflow.limit_room(p_posting) r;
  -- In proportion to the workers that may run them. At most 2,000, because counting the outcomes of
  -- 2,000 jobs takes 0.3 ms.
  jobs := least(p_want, 2000, v_starts, greatest(
    running_limit, p_ahead::bigint * least(running_limit, v_workers) / v_workers));
  if p_ahead is null then
    jobs := least(jobs, p_idle);
  elsif v_starts is not null then
    jobs := least(jobs, greatest(p_idle, p_ahead / 32));
  end if;
  if jobs < 1 or running_limit < 1 then
    jobs := 0;
  elsif v_starts is not null then
    insert into pdoflow.permit (posting_id, starts_by, jobs)
    values (p_posting, clock_timestamp() + p_slack_ms * interval '1 ms', jobs);
  end if;
end $$;
