-- The number of worker slots that the queue needs now, for autoscalers. These functions run as the
-- owner. The jobs of all roles count for a scaler, viewer, operator and a pool of all roles; for
-- any other role, its own jobs and the jobs that its pools may run.

-- Whether a pool with these capabilities meets the needs of a route. As unmetNeeds in
-- src/domain/capabilities.ts.
create function pdoflow.meets(p_provides jsonb, p_needs jsonb) returns boolean
language sql immutable as $$
  select not exists (
    select from jsonb_array_elements(p_needs) as n (need)
      cross join lateral (select p_provides -> (n.need ->> 0) as found) f
      cross join lateral (
        select case jsonb_typeof(f.found) when 'number' then f.found::numeric
                 when 'array' then jsonb_array_length(f.found) end as total) t
      cross join lateral (
        select case jsonb_typeof(n.need -> 2) when 'number' then (n.need -> 2)::numeric end
          as amount) v
    where not coalesce(case n.need ->> 1
      when 'has' then f.found <> '0' -- of a disk=0
      when '=' then case jsonb_typeof(n.need -> 2)
        when 'number' then v.amount >= 0.0001 and t.total >= v.amount
          and (jsonb_typeof(f.found) = 'number' or v.amount <= 1 or v.amount = floor(v.amount))
        else f.found = n.need -> 2 end
      when '>=' then t.total >= v.amount end, false))
$$;

-- The amount that a pool has of a resource; null for a word. As totalOf in
-- src/domain/capabilities.ts.
create function pdoflow.total_of(p_provided jsonb) returns numeric language sql immutable return
  case jsonb_typeof(p_provided) when 'number' then nullif(p_provided::numeric, 0)
    when 'array' then nullif(jsonb_array_length(p_provided), 0) end;

-- The roles whose jobs count for the caller; null means all.
create function pdoflow.scaled_posters() returns text[] language plpgsql stable as $$
begin
  if pdoflow.has_grant('scaler', 'viewer', 'operator') or pdoflow.runs_all() then
    return null;
  end if;
  return pdoflow.run_posters() || pdoflow.caller();
end $$;

-- Whether something is due that only pools do, although no job may run: the fire of a schedule that
-- posts, a deadline, an edge that is met. Without this, a queue that was scaled down to no pool
-- would stay so. A prune does not count: only pools of the owner prune, so a pool of another role
-- would be wanted for ever. Reads up to 1,000 waiting postings, as a heartbeat does.
create function pdoflow.is_upkeep_due(p_posters text[]) returns boolean
language plpgsql stable set jit = off set enable_seqscan = off as $$
declare
  v_routes integer[] := array(
    select r.id from pdoflow.open_routes() o (id) join pdoflow.route r on r.id = o.id
    where r.run = '' and (p_posters is null or r.poster = any (p_posters)));
begin
  return coalesce(pdoflow.next_fire_ms(p_posters) <= 0, false)
    or exists (
      select from pdoflow.posting
      where deadline <= now() and ended_at is null and state <> 'cancelled'
        and route_id = any (v_routes))
    or exists (
      select from pdoflow.posting
      where start_by <= now() and ended_at is null and state <> 'cancelled'
        and route_id = any (v_routes))
    or exists (
      select from (
        select * from pdoflow.edge where met_at is null and not lapsed
        order by posting_id limit 1000) e
        join pdoflow.posting p on p.id = e.posting_id
        join pdoflow.posting u on u.id = e.upstream_id
      where p.waits and p.ended_at is null and p.route_id = any (v_routes) and (
        e.feeds
        or (u.ended_at is not null or e.kind in ('failed', 'start'))
          and pdoflow.is_met(e, pdoflow.tree_of(u))))
    or exists (
      select from (select * from pdoflow.edge where feeds order by posting_id limit 1000) e
        join pdoflow.posting p on p.id = e.posting_id
        join pdoflow.posting u on u.id = e.upstream_id
      where e.met_at is not null and u.ended_at is not null and p.route_id = any (v_routes));
end $$;

-- The jobs of due retries, by posting, of these routes. Steps from one priority to the next, and
-- reads at most 10,000 rows of each: a retry that is not due costs nothing. A suspect counts as one
-- job, because it is claimed alone (Y3).
create function pdoflow.due_jobs(p_routes integer[])
returns table (posting_id bigint, jobs bigint)
language sql stable set jit = off set enable_seqscan = off as $$
  select due.posting_id, sum(due.jobs)::bigint
  from unnest(p_routes) as route (id) cross join lateral (
    with recursive level (priority) as (
      (select r.priority from pdoflow.retry r where r.route_id = route.id
       order by r.priority desc limit 1)
      union all
      select (select r.priority from pdoflow.retry r
              where r.route_id = route.id and r.priority < l.priority
              order by r.priority desc limit 1)
      from level l where l.priority is not null)
    select r.posting_id, case when r.lost >= 2 then 1 else r.end_seq - r.first_seq end as jobs
    from level l cross join lateral (
      select * from pdoflow.retry r
      where r.route_id = route.id and r.priority = l.priority and r.due_at <= now()
      order by r.due_at limit 10000) r
    where l.priority is not null) due
  group by due.posting_id
$$;

-- slots: the number of worker slots that could be busy now: the running jobs, and the jobs that a
-- pool could claim. resource_pools: the number of pools that have the amounts which all these jobs
-- take at a time, such as gpus. Never null. Reads the open postings, no jobs and no outcomes.
--   p_provides  the capabilities of the pools, such as '{"gpu": ["0"], "mem": 68719476736}': jobs
--               that need others do not count. Null: whatever the jobs need
--   p_project   jobs of other projects do not count (R4). Null: of any project
-- At most max_running jobs of a posting count, and of a posting with a rate, besides its running
-- jobs, at most rate_count (if its period exceeds a minute, as many as may start now). Jobs that
-- wait, are paused or not due count as 0. If no job runs or may run but upkeep is due, returns 1.
create function pdoflow.desired(
  p_provides jsonb, p_project text, out slots integer, out resource_pools integer
) language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  v_posters text[] := pdoflow.scaled_posters();
  v_routes integer[];
  v_slots numeric;
  v_pools numeric;
  v_is_late boolean; -- all jobs of a posting have ended, and no pool has ended the posting
begin
  v_routes := array(
    select r.id from pdoflow.open_routes() o (id) join pdoflow.route r on r.id = o.id
    where r.run = '' and (v_posters is null or r.poster = any (v_posters))
      and (p_project is null or r.project in ('', p_project))
      and (coalesce(p_provides, 'null') = 'null' or pdoflow.meets(p_provides, r.needs)));
  with due as materialized (select * from pdoflow.due_jobs(v_routes)),
  posting as materialized (
    select p.*, coalesce(lane.beyond, 0) as beyond,
           coalesce(lane.claimable, 0) + coalesce(d.jobs, 0) as claimable,
           coalesce(g.ended, 0) as ended, coalesce(g.waiting, 0) as waiting
    from (
      select id, route_id, state, job_count, max_running, rate_count, rate_ms, waits, run_at
      from pdoflow.posting where ended_at is null and route_id = any (v_routes)) p
      left join lateral (
        select sum(done + failed + cancelled) as ended, sum(retrying + released) as waiting
        from pdoflow.progress where posting_id = p.id) g on true
      left join lateral (
        select sum(l.rest) as beyond, sum(l.rest) filter (
          where l.state = 'open' or p.state = 'open' and not p.waits and p.run_at <= now()
        ) as claimable
        from (
          select state, end_seq - coalesce(
            (select seq from pdoflow.lane_cursor(posting_id, priority)), first_seq) as rest
          from pdoflow.lane where posting_id = p.id and state <> 'closed') l) lane on true
      left join due d on d.posting_id = p.id),
  counted as (
    select p.route_id, p.ended = p.job_count and p.job_count > 0 as is_late,
           least(p.max_running, p.job_count - p.beyond - p.waiting - p.ended) as running,
           case when p.rate_count is null then p.claimable
                when p.rate_ms <= 60000 then least(p.claimable, p.rate_count)
                else least(p.claimable, greatest((pdoflow.limit_room(p.id)).starts, 0))
           end as startable, p.max_running
    from posting p),
  by_route as (
    select route_id, sum(least(max_running, greatest(running, 0) + startable)) as slots,
           bool_or(is_late) as is_late
    from counted group by route_id)
  select coalesce(sum(b.slots), 0), bool_or(b.is_late), (
           select ceil(max(t.total)) from (
             select sum(o.slots * (n.need -> 2)::numeric
                        / pdoflow.total_of(p_provides -> (n.need ->> 0))) as total
             from by_route o join pdoflow.route r on r.id = o.route_id
               cross join lateral jsonb_array_elements(r.needs) as n (need)
             where n.need ->> 1 = '=' and jsonb_typeof(n.need -> 2) = 'number'
             group by n.need ->> 0) t)
  into v_slots, v_is_late, v_pools from by_route b;
  if v_slots < 1 and (coalesce(v_is_late, false) or pdoflow.is_upkeep_due(v_posters)) then
    v_slots := 1;
  end if;
  slots := least(v_slots, 2147483647);
  resource_pools := least(coalesce(v_pools, 0), 2147483647);
end $$;

-- The number of worker slots that jobs could keep busy now.
create function pdoflow.desired_slots(
  p_provides jsonb default null, p_project text default null
) returns integer language sql stable
security definer set search_path = pg_catalog, pg_temp as
$$ select d.slots from pdoflow.desired(p_provides, p_project) d $$;

-- The number of pools, with p_slots worker slots each, that jobs could keep busy now: as many as
-- their slots need or, if that is more, the amounts that their jobs take.
create function pdoflow.desired_pools(
  p_provides jsonb default null, p_slots integer default 1, p_project text default null
) returns integer language sql stable
security definer set search_path = pg_catalog, pg_temp as $$
  select greatest(ceil(d.slots::numeric / greatest(coalesce(p_slots, 1), 1)),
                  d.resource_pools)::integer
  from pdoflow.desired(p_provides, p_project) d
$$;
