-- What programs in any language may read (docs/sql.md), without lanes and leases. The views read as
-- the owner, and each has its own condition: who sees all, or whose posting it is.

-- A variable of the caller's own, or everybody's (V1); null where there is none.
create function pdoflow.get_variable(p_name text) returns jsonb language sql stable
security definer set search_path = pg_catalog, pg_temp as $$
  select value from pdoflow.variable
  where name = p_name and owner in ('', pdoflow.caller()) order by owner desc limit 1
$$;

create function pdoflow.variable_owner() returns text language sql stable as
$$ select case when pdoflow.has_grant('operator') then '' else pdoflow.caller() end $$;

-- Refuses what can't be a variable of the caller's: of a length that has no limit, or one more than
-- a role may have.
create function pdoflow.require_variable(p_name text, p_value jsonb) returns void
language plpgsql as $$
declare
  v_owner text := pdoflow.variable_owner();
  v_most integer := case v_owner when '' then 10000 else 1000 end;
begin
  if coalesce(trim(p_name), '') = '' or length(p_name) > 200 or p_value is null then
    raise exception 'expected a name of 1 to 200 characters and a value of a variable, found % '
      'and %', coalesce(quote_literal(left(p_name, 210)), 'null'),
      coalesce(left(p_value::text, 210), 'null (a value may be ''null''::jsonb)')
      using errcode = 'PF002';
  end if;
  if octet_length(p_value::text) > 1024 * 1024 then
    raise exception 'expected at most 1 MiB as the value of a variable, found % bytes: keep large '
      'data in files, and their names in variables', octet_length(p_value::text)
      using errcode = 'PF002';
  end if;
  if not exists (select from pdoflow.variable where name = p_name and owner = v_owner)
     and v_most <= (select count(*) from pdoflow.variable where owner = v_owner) then
    raise exception 'expected at most % variables of %, found as many: delete some', v_most,
      case v_owner when '' then 'everybody' else 'the role ' || v_owner end
      using errcode = 'PF001';
  end if;
end $$;

create function pdoflow.set_variable(p_name text, p_value jsonb) returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_variable(p_name, p_value);
  insert into pdoflow.variable (name, owner, value)
  values (p_name, pdoflow.variable_owner(), p_value)
  on conflict (name, owner) do update set value = excluded.value, updated_at = now();
end $$;

-- Returns whether there was one.
create function pdoflow.delete_variable(p_name text) returns boolean language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  delete from pdoflow.variable where name = p_name and owner = pdoflow.variable_owner();
  return found;
end $$;

-- Sets a variable if the caller still sees p_old of it, null for none. Returns whether it was set.
create function pdoflow.swap_variable(p_name text, p_old jsonb, p_new jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if pdoflow.get_variable(p_name) is distinct from p_old then return false; end if;
  perform pdoflow.require_variable(p_name, p_new);
  -- Whoever swaps at the same time has changed the row by then, or made it.
  insert into pdoflow.variable as v (name, owner, value)
  values (p_name, pdoflow.variable_owner(), p_new)
  on conflict (name, owner) do update set value = excluded.value, updated_at = now()
  where v.value = p_old;
  return found;
end $$;

create view pdoflow.postings with (security_barrier) as
select p.id, p.name, p.entry_point, r.poster, r.poster_os, p.state::text as state, p.reason,
       p.job_count,
       p.job_count - t.running - t.retrying - t.done - t.failed - t.cancelled as waiting,
       t.running,
       t.retrying, t.done, t.failed, t.cancelled, p.posted_at, p.ended_at,
       nullif(r.project, '') as project
from pdoflow.posting p join pdoflow.route r on r.id = p.route_id
  cross join lateral (
    select coalesce(sum(done), 0) as done, coalesce(sum(failed), 0) as failed,
           coalesce(sum(cancelled), 0) as cancelled, coalesce(sum(retrying), 0) as retrying,
           coalesce(sum(released), 0) as released
    from pdoflow.progress where posting_id = p.id and p.ended_at is null) g
  cross join lateral (
    select coalesce(sum(l.end_seq - coalesce(newest.lane_end_seq, l.first_seq)), 0) as beyond
    from pdoflow.lane l left join lateral (
      select lane_end_seq from pdoflow.lease
      where lane_posting_id = l.posting_id and lane_priority = l.priority
      order by lane_first_seq desc limit 1) newest on true
    where l.posting_id = p.id and l.state <> 'closed' and p.ended_at is null) c
  cross join lateral (
    -- L4: of what is leased no more than that runs.
    select least(p.max_running, p.job_count - c.beyond - g.released - g.retrying - p.done - g.done
             - p.failed - g.failed - p.cancelled - g.cancelled)::integer as running,
           g.retrying::integer as retrying,
           (p.done + g.done)::integer as done, (p.failed + g.failed)::integer as failed,
           (p.cancelled + g.cancelled)::integer as cancelled) t
where (select pdoflow.sees_all()) or p.route_id = any ((select pdoflow.own_routes())::integer[]);
comment on view pdoflow.postings is
'One row: a posting that the caller may see, and how many of its jobs are where.';

-- Where a posting stands; no row where there is none that the caller may see.
create function pdoflow.status(p_posting bigint) returns setof pdoflow.postings
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select * from pdoflow.postings where id = p_posting $$;

create view pdoflow.jobs with (security_barrier) as
select posting_id, index, status, attempts, args, result::jsonb as result, error, duration_ms,
       ended_at
from pdoflow.job_status;
comment on view pdoflow.jobs is
'One row: a job of a posting that the caller may see, and where it is: ask for one posting.';

create view pdoflow.outcomes with (security_barrier) as
select o.posting_id, coalesce(j.index, j.seq) as index, o.attempt, o.state::text as state,
       o.result::jsonb as result, o.error, o.stdout, o.stderr, o.duration_ms, o.ended_at, w.host
from pdoflow.outcome o join pdoflow.job j on j.posting_id = o.posting_id and j.seq = o.seq
  join pdoflow.posting p on p.id = o.posting_id
  left join pdoflow.lease l on l.id = o.lease_id left join pdoflow.pool w on w.id = l.pool_id
where (select pdoflow.sees_all()) or p.route_id = any ((select pdoflow.own_routes())::integer[]);
comment on view pdoflow.outcomes is
'One row: the end of one attempt at one job of a posting that the caller may see.';

create view pdoflow.failures with (security_barrier) as
select p.id as posting_id, coalesce(j.index, j.seq) as index, f.attempt,
       pdoflow.fingerprint(f.error) as fingerprint, f.error ->> 'name' as name,
       f.error ->> 'message' as message, f.error, f.ended_at
from pdoflow.posting p cross join lateral pdoflow.failed_jobs(p.id, 0, 2147483647) f
  join pdoflow.job j on j.posting_id = p.id and j.seq = f.seq
where (select pdoflow.sees_all()) or p.route_id = any ((select pdoflow.own_routes())::integer[]);
comment on view pdoflow.failures is
'One row: a job that has failed for good, of a posting that the caller may see.';

create view pdoflow.pools with (security_barrier) as
select id, host, role, os_user, version, slots, state, started_at, beat_at,
       state in ('up', 'draining')
         and beat_at > clock_timestamp() - heartbeat_timeout_ms * interval '1 ms' as is_alive,
       project
from pdoflow.pool;
comment on view pdoflow.pools is 'One row: a pool, of whichever role.';
