-- How many jobs of a posting run at most, and start in some time (0002_engine.sql).

-- How many more jobs of a posting its limits (P5) allow to be claimed now, and if none, for about
-- how long; both null where it has no limits.
create function pdoflow.limit_room(p_posting bigint, out jobs integer, out wait_ms integer)
language sql stable as $$
  with posting as (
    select max_running, rate_count, rate_ms from pdoflow.posting
    where id = p_posting and coalesce(max_running, rate_count) is not null),
  -- What is leased and has no outcome runs, or may at any moment.
  leased as (
    select coalesce(sum(r.end_seq - r.first_seq - (
      select count(*) from pdoflow.outcome o
      where o.posting_id = p_posting and o.seq >= r.first_seq and o.seq < r.end_seq
        and o.attempt = r.attempt)), 0) as jobs
    from pdoflow.lease l cross join lateral
      unnest(l.posting_ids, l.first_seqs, l.end_seqs, l.attempts)
        as r (posting_id, first_seq, end_seq, attempt)
    where l.held and p_posting = any (l.posting_ids) and r.posting_id = p_posting
      and exists (select from posting where max_running is not null)),
  permitted as (
    select coalesce(sum(p.jobs), 0) as jobs, min(p.starts_by) as first
    from pdoflow.permit p, posting
    where p.posting_id = p_posting
      and p.starts_by > clock_timestamp() - posting.rate_ms * interval '1 ms')
  select least(max_running - leased.jobs, rate_count - permitted.jobs)::integer,
         case when rate_count <= permitted.jobs then ceil(1000 * extract(epoch from
                permitted.first + rate_ms * interval '1 ms' - clock_timestamp()))
              when max_running <= leased.jobs then 100
         end::integer
  from posting, leased, permitted
$$;

-- For how many milliseconds a posting is about to stay at its limits; null where it is not.
create function pdoflow.limit_wait_ms(p_posting bigint) returns integer language sql stable as $$
  select greatest(wait_ms, 1) from pdoflow.limit_room(p_posting) where jobs < 1
$$;

-- Claims of a posting with limits go one by one: they hold this lock, before that of its lane or
-- retries. Without p_waits false where another claim has it.
create function pdoflow.lock_permits(p_posting bigint, p_waits boolean) returns boolean
language plpgsql as $$
declare
  v_key bigint := hashtextextended('pdoflow.permit ' || p_posting, 0);
begin
  if not p_waits then return pg_try_advisory_xact_lock(v_key); end if;
  perform pg_advisory_xact_lock(v_key);
  return true;
end $$;

-- Permits up to p_want jobs of a posting with limits to be claimed in this transaction; returns how
-- many. To be called after lock_permits: it sees what was permitted while that waited (M1).
create function pdoflow.permit_jobs(p_posting bigint, p_want integer, p_slack_ms integer)
returns integer language plpgsql as $$
#variable_conflict use_column
declare
  v_jobs integer;
begin
  select least(p_want, jobs) into v_jobs from pdoflow.limit_room(p_posting);
  if v_jobs > 0 then
    insert into pdoflow.permit (posting_id, starts_by, jobs)
    select id, clock_timestamp() + p_slack_ms * interval '1 ms', v_jobs
    from pdoflow.posting where id = p_posting and rate_ms is not null;
  end if;
  return v_jobs;
end $$;
