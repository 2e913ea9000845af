-- Views and functions for programs in any language (docs/sql.md), without lanes and leases. The
-- views read as the owner, so each has its own condition: the caller sees all, or posted it.

-- The jobs that a pool reported as running (O2), as far as the caller can see them.
create function pdoflow.running_jobs(p_pool bigint) returns jsonb language sql stable
security definer set search_path = pg_catalog, pg_temp as $$
  select case when pdoflow.sees_all() then p.running else coalesce((
    select jsonb_agg(j.value)
    from jsonb_array_elements(p.running) as j (value)
      join pdoflow.posting o on o.id = (j.value ->> 'posting')::bigint
    where o.route_id = any (pdoflow.own_routes())), '[]') end
  from pdoflow.pool p where p.id = p_pool
$$;

-- The jobs of a posting from p_first to before p_end that wait in retry.
create function pdoflow.waiting_between(p_posting bigint, p_first integer, p_end integer)
returns table (seq integer, attempt integer) language plpgsql stable rows 10
set jit = off set enable_seqscan = off as $$
begin
  return query
    select s.seq, r.attempt from pdoflow.retry r
      cross join lateral generate_series(
        greatest(r.first_seq, p_first), least(r.end_seq, p_end) - 1) as s (seq)
    where r.posting_id = p_posting and r.first_seq < p_end
      -- Ranges do not overlap: of the earlier ones, only the last one can reach p_first.
      and r.first_seq >= coalesce((
        select x.first_seq from pdoflow.retry x
        where x.posting_id = p_posting and x.first_seq <= p_first
        order by x.first_seq desc limit 1), p_first);
end $$;

-- Why jobs were skipped that follow jobs of an upstream (E3); nothing if that is null.
create function pdoflow.skips_between(p_upstream bigint, p_first integer, p_end integer)
returns table (seq integer, error jsonb) language plpgsql stable rows 10 as $$
begin
  if p_upstream is null then return; end if;
  return query
    select j.seq, jsonb_build_object('name', 'Skipped', 'message', format(
             '%s/%s %s', p_upstream, j.seq,
             case j.status when 'failed' then 'failed' else 'was cancelled' end))
    from pdoflow.jobs_between(p_upstream, p_first, p_end, false) j;
end $$;

-- The current state of each job from p_first to before p_end of a posting, by seq. It is derived:
-- no table stores it. The caller sees only jobs of postings whose outcomes it can see. If not
-- p_whole, arguments, output and usage are null.
create function pdoflow.jobs_between(
  p_posting bigint, p_first integer, p_end integer, p_whole boolean
) returns table (seq integer, index integer, status text, attempts integer, args json, result json,
                 error jsonb, stdout text, stderr text, ended_at timestamptz, duration_ms real,
                 lease_id bigint, cpu_user_ms double precision, cpu_system_ms double precision,
                 peak_bytes bigint, read_bytes bigint, written_bytes bigint)
language plpgsql stable rows 1000
set jit = off set enable_seqscan = off set enable_nestloop = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  v_posting record;
begin
  select p.job_count, p.state, p.is_sorted, p.ended_at is not null as has_ended,
         (select e.upstream_id from pdoflow.edge e
          where e.posting_id = p.id and e.skipped > 0) as skips_after -- E3
  into v_posting from pdoflow.posting p
  where p.id = p_posting
    and (pdoflow.sees_all() or p.route_id = any (pdoflow.own_routes()));
  if not found then return; end if;
  p_first := greatest(p_first, 0);
  p_end := least(p_end, v_posting.job_count);
  return query
    with ended as (
      select distinct on (o.seq) o.seq, r.attempt, r.state, r.lease_id, o.ended_at, o.duration_ms,
             o.result, o.error, o.stdout, o.stderr, o.cpu_user_ms, o.cpu_system_ms, o.peak_bytes,
             o.read_bytes, o.written_bytes
      from pdoflow.runs_between(p_posting, p_first, p_end) r
        cross join lateral pdoflow.each_outcome(r, true, p_whole) o
      where o.seq >= p_first and o.seq < p_end
      order by o.seq, r.attempt desc),
    leased as (
      -- The lease of an attempt that failed stays active until its other jobs have ended.
      select distinct on (s.seq) s.seq, u.attempt, l.id as lease_id
      from pdoflow.lease l cross join lateral pdoflow.ranges_of(l) as u
        cross join lateral generate_series(
          greatest(u.first_seq, p_first), least(u.end_seq, p_end) - 1) as s (seq)
      where l.active and not v_posting.has_ended and p_posting = any (l.posting_ids)
        and u.posting_id = p_posting
      order by s.seq, u.attempt desc),
    line as (
      select greatest(b.first_seq, p_first) + position::integer - 1 as seq, a.args, a.index
      from pdoflow.job b
        cross join lateral rows from (
          string_to_table(case when p_whole then pdoflow.lines_of(
            b.args, b.sweep, b.first_seq, b.end_seq, p_first, p_end) end, e'\n'),
          unnest(b.indexes[greatest(p_first - b.first_seq, 0) + 1:p_end - b.first_seq]))
        with ordinality as a (args, index, position)
      where b.posting_id = p_posting and b.first_seq < p_end
        and b.first_seq >= pdoflow.block_of(p_posting, p_first)
        and (p_whole or v_posting.is_sorted))
    select s.seq, coalesce(i.index, s.seq),
           case
             when o.state in ('done', 'cancelled') then o.state::text
             when w.attempt > 1 then 'retrying'
             when w.attempt = 1 then 'waiting'
             -- A failed job runs if it was retried by hand, which is impossible once all have ended
             -- (U2).
             when l.attempt > coalesce(o.attempt, 0) then 'running'
             when o.state = 'failed' then 'failed'
             when v_posting.state = 'cancelled' or v_posting.skips_after is not null
               then 'cancelled'
             else 'waiting'
           end,
           coalesce(o.attempt, 0), nullif(i.args, '')::json, o.result,
           case when coalesce(o.attempt, w.attempt, l.attempt) is null then a.error
                else o.error end, o.stdout, o.stderr, o.ended_at, o.duration_ms,
           case when o.state in ('done', 'cancelled') then o.lease_id
                when w.attempt is null and l.attempt > coalesce(o.attempt, 0) then l.lease_id
                else o.lease_id end,
           o.cpu_user_ms, o.cpu_system_ms, o.peak_bytes, o.read_bytes, o.written_bytes
    from generate_series(p_first, p_end - 1) as s (seq)
      left join ended o on o.seq = s.seq
      left join pdoflow.waiting_between(p_posting, p_first, p_end) w on w.seq = s.seq
      left join leased l on l.seq = s.seq
      left join line i on i.seq = s.seq
      left join pdoflow.skips_between(v_posting.skips_after, p_first, p_end) a on a.seq = s.seq
    order by s.seq;
end $$;

-- The current state of each job (jobs_between). Read one posting at a time.
create view pdoflow.job_status with (security_barrier) as
select p.id as posting_id, j.*
from pdoflow.posting p
  cross join lateral generate_series(0, p.job_count - 1, 1000) as part (first_seq)
  cross join lateral pdoflow.jobs_between(p.id, part.first_seq, part.first_seq + 1000, true) j
where (select pdoflow.sees_all()) or p.route_id = any ((select pdoflow.own_routes())::integer[]);

create view pdoflow.postings with (security_barrier) as
select p.id, p.name, p.entry_point, r.poster, r.poster_os, p.state::text as state, p.reason,
       p.job_count,
       p.job_count - t.running - t.retrying - t.done - t.failed - t.cancelled as waiting,
       t.running,
       t.retrying, t.done, t.failed, t.cancelled, p.posted_at, p.ended_at,
       nullif(r.project, '') as project, p.waits, pdoflow.is_blocked(p) as is_blocked, p.deadline,
       p.start_by
from pdoflow.posting p join pdoflow.route r on r.id = p.route_id
  cross join lateral (
    select coalesce(sum(done), 0) as done, coalesce(sum(failed), 0) as failed,
           coalesce(sum(cancelled), 0) as cancelled, coalesce(sum(retrying), 0) as retrying,
           coalesce(sum(released), 0) as released
    from pdoflow.progress where posting_id = p.id and p.ended_at is null) g
  cross join lateral (
    select coalesce(sum(l.end_seq - coalesce(newest.seq, l.first_seq)), 0) as beyond
    from pdoflow.lane l
      left join lateral pdoflow.lane_cursor(l.posting_id, l.priority) newest on true
    where l.posting_id = p.id and l.state <> 'closed' and p.ended_at is null) c
  cross join lateral (
    -- L4: of the leased jobs, at most max_running run.
    select least(p.max_running, p.job_count - c.beyond - g.released - g.retrying - p.done - g.done
             - p.failed - g.failed - p.cancelled - g.cancelled)::integer as running,
           g.retrying::integer as retrying,
           (p.done + g.done)::integer as done, (p.failed + g.failed)::integer as failed,
           (p.cancelled + g.cancelled)::integer as cancelled) t
where (select pdoflow.sees_all()) or p.route_id = any ((select pdoflow.own_routes())::integer[]);
comment on view pdoflow.postings is
'One row: a posting that the caller can see, with the number of its jobs in each state.';

-- The totals of a posting; no row if the caller can see no such posting.
create function pdoflow.status(p_posting bigint) returns setof pdoflow.postings
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select * from pdoflow.postings where id = p_posting $$;

create view pdoflow.edges with (security_barrier) as
select p.id as posting_id, e.upstream_id, e.kind, e.tolerate_jobs, e.tolerate_percent, e.state,
       e.met_at, e.unblocked_by, e.cause, e.cause_id, e.cause_kind, e.skipped
from pdoflow.posting p cross join lateral pdoflow.edge_states(array[p.id]) e
where (select pdoflow.sees_all()) or p.route_id = any ((select pdoflow.own_routes())::integer[]);
comment on view pdoflow.edges is
'One row: a posting that the caller can see waits, or has waited, for another one.';

create view pdoflow.jobs with (security_barrier) as
select posting_id, index, status, attempts, args, result::jsonb as result, error, duration_ms,
       ended_at
from pdoflow.job_status;
comment on view pdoflow.jobs is
'One row: a job of a posting that the caller can see, with its state. Query one posting at a time.';

-- The rows of the view jobs from p_first to before p_end of a posting, by index, read alone.
create function pdoflow.jobs(p_posting bigint, p_first integer, p_end integer)
returns setof pdoflow.jobs language sql stable as $$
  select p_posting, j.index, j.status, j.attempts, j.args, j.result::jsonb, j.error, j.duration_ms,
         j.ended_at
  from pdoflow.runs_of(p_posting, p_first, p_end) r
    cross join lateral pdoflow.jobs_between(p_posting, r.first_seq, r.end_seq, true) j
  order by j.index
$$;

-- As results_page, for a posting whose results the caller can see.
create function pdoflow.read_results(
  p_posting bigint, p_first integer, p_end integer, out states text, out texts text
) language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
begin
  perform from pdoflow.posting p where p.id = p_posting
    and (pdoflow.sees_all() or p.route_id = any (pdoflow.own_routes()));
  if not found then
    raise exception 'there is no posting %', p_posting using errcode = 'PF003';
  end if;
  select r.states, r.texts into states, texts
  from pdoflow.results_page(p_posting, p_first, p_end) r;
end $$;

create view pdoflow.outcomes with (security_barrier) as
select o.posting_id,
       case when p.is_sorted then pdoflow.index_of(o.posting_id, o.seq) else o.seq end as index,
       o.attempt, o.state::text as state,
       o.result::jsonb as result, o.error, o.stdout, o.stderr, o.duration_ms, o.ended_at, w.host,
       o.cpu_user_ms, o.cpu_system_ms, o.peak_bytes, o.read_bytes, o.written_bytes
from pdoflow.outcome o join pdoflow.posting p on p.id = o.posting_id
  left join pdoflow.lease l on l.id = o.lease_id left join pdoflow.pool w on w.id = l.pool_id
where (select pdoflow.sees_all()) or p.route_id = any ((select pdoflow.own_routes())::integer[]);
comment on view pdoflow.outcomes is
'One row: the end of one attempt at one job of a posting that the caller can see.';

create view pdoflow.failures with (security_barrier) as
select p.id as posting_id,
       case when p.is_sorted then pdoflow.index_of(p.id, f.seq) else f.seq end as index, f.attempt,
       pdoflow.fingerprint(f.error) as fingerprint, f.error ->> 'name' as name,
       f.error ->> 'message' as message, f.error, f.ended_at
from pdoflow.posting p cross join lateral pdoflow.failed_jobs(p.id, 0, 2147483647) f
where (select pdoflow.sees_all()) or p.route_id = any ((select pdoflow.own_routes())::integer[]);
comment on view pdoflow.failures is
'One row: a permanently failed job of a posting that the caller can see.';

create view pdoflow.pools with (security_barrier) as
select number as id, host, role, os_user, version, slots, state, started_at, heartbeat_at,
       state in ('up', 'draining')
         and heartbeat_at > clock_timestamp() - heartbeat_timeout_ms * interval '1 ms' as is_alive,
       project
from pdoflow.pool;
comment on view pdoflow.pools is 'One row: a pool of any role.';

-- Describes in one sentence which pools refused an unfinished posting, and why; null if none did.
create function pdoflow.refusal_of(p_posting bigint) returns text language sql stable as $$
  select format('refused by the pool on %s: %s', f.host, f.reason)
    || case when f.hosts > 1 then format(' (and by pools on %s more hosts)', f.hosts - 1)
            else '' end
  from (select id, host, reason, count(*) over () as hosts from pdoflow.refusal
        where posting_id = p_posting) f
  where exists (select from pdoflow.posting where id = p_posting and ended_at is null)
  order by f.id limit 1
$$;

-- Follows a posting for the next 15 seconds, and returns the output of its running jobs that pools
-- have reported. Returns nothing if the caller cannot see the output of this posting.
create function pdoflow.follow(p_posting bigint)
returns table (index integer, attempt integer, stdout bytea, stdout_end bigint, stderr bytea,
               stderr_end bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  if not exists (select from pdoflow.posting where id = p_posting
                   and (pdoflow.sees_all() or route_id = any (pdoflow.own_routes()))) then
    return;
  end if;
  if not exists (select from pdoflow.followed where posting_id = p_posting and until > now()) then
    delete from pdoflow.followed where until < now() - interval '1 min';
    delete from pdoflow.live_output where reported_at < now() - interval '1 min';
    perform pg_notify('pdoflow.changed', p_posting::text);
  end if;
  insert into pdoflow.followed as f (posting_id, until)
  values (p_posting, now() + interval '15 s')
  on conflict (posting_id) do update set until = excluded.until;
  return query
    select case when p.is_sorted then pdoflow.index_of(p.id, o.seq) else o.seq end, o.attempt,
           o.stdout, o.stdout_end, o.stderr, o.stderr_end
    from pdoflow.live_output o join pdoflow.posting p on p.id = p_posting
    where o.posting_id = p_posting and o.reported_at > now() - interval '1 min'
      and not pdoflow.has_ended(p_posting, o.seq, o.attempt)
    order by o.seq;
end $$;

-- The last notifications of a posting that the caller can see: their postings, by receiver.
create function pdoflow.notifications_of(p_posting bigint)
returns table (receiver text, posting_id bigint, has_ended boolean, has_failed boolean)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  return query
    select n.receiver, d.id, d.ended_at is not null, d.failed + d.cancelled > 0
    from pdoflow.posting p join pdoflow.route r on r.id = p.route_id
      cross join lateral unnest(pdoflow.receivers_of(p.on_end, p.on_failure, true)) as n (receiver)
      join pdoflow.posting_key k on k.poster = r.poster and k.poster_os = r.poster_os
        and k.key = format('notification/posting/%s/%s/%s', p.id, p.notified + 1, n.receiver)
      join pdoflow.posting d on d.id = k.posting_id
    where p.id = p_posting
      and (pdoflow.sees_all() or p.route_id = any (pdoflow.own_routes()))
    order by n.receiver;
end $$;
