-- Functions that pools call. They run as the owner of the schema, for roles that were granted the
-- kind pool. A pool acts only for itself and on the jobs that it has leased.

-- If the row of a pool was lost in a failover, the pool registers again (PF004).
create function pdoflow.require_pool(p_pool bigint) returns void language plpgsql stable as $$
declare
  v_role text;
begin
  select role into v_role from pdoflow.pool where id = p_pool;
  if not found then
    raise exception 'there is no such pool' using errcode = 'PF004';
  end if;
  if v_role <> pdoflow.caller() and not pdoflow.is_owner() then
    raise insufficient_privilege using message =
      format('this is no pool of the role %s', pdoflow.caller());
  end if;
end $$;

-- Adds a pool, and returns its id (O10). p_process is {"host": "a", "pid": 1, "version": "0.1.0",
-- "schema": 1, "osUser": "ada"}: schema is the version of the schema that its program was made for.
create function pdoflow.pool_register(
  p_process jsonb, p_slots integer, p_heartbeat_timeout_ms integer, p_provides jsonb,
  p_posters text[], p_project text default null, p_postings text[] default null
) returns bigint language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_id bigint;
  v_limit integer := case when pdoflow.runs_all() then 10000 else 200 end;
begin
  if not coalesce(p_heartbeat_timeout_ms between 1 and 86400000 and p_slots between 0 and 1024,
    false) then
    raise exception 'expected a heartbeat timeout of at most a day and 0 to 1024 worker slots, '
      'found % ms and %', p_heartbeat_timeout_ms, p_slots using errcode = 'PF002';
  end if;
  if jsonb_typeof(p_provides) is distinct from 'object' or octet_length(p_provides::text) > 4000
     or octet_length(p_posters::text) > 100000 or octet_length(p_project) > 1000
     or octet_length(p_postings::text) > 100000 then
    raise exception 'expected at most 4000 bytes of capabilities in an object, at most 100000 '
      'bytes of posters and of postings, and at most 1000 of a project' using errcode = 'PF002';
  end if;
  if v_limit <= (select count(*) from pdoflow.pool
                where state in ('up', 'draining') and role = pdoflow.caller()) then
    raise exception 'the role % has reached its limit of % running pools: stop some, or wait until '
      'killed pools have been declared lost', pdoflow.caller(), v_limit using errcode = 'PF001';
  end if;
  insert into pdoflow.pool (host, pid, version, schema_version, role, os_user, slots,
                            heartbeat_timeout_ms, provides, posters, project, postings, serves_all)
  values (left(p_process ->> 'host', 255), (p_process ->> 'pid')::integer,
          left(p_process ->> 'version', 100), coalesce((p_process ->> 'schema')::integer, 1),
          pdoflow.caller(), left(p_process ->> 'osUser', 100), p_slots,
          p_heartbeat_timeout_ms, p_provides, p_posters, p_project, p_postings, pdoflow.runs_all())
  returning id into v_id;
  return v_id;
end $$;

-- Records a heartbeat. Checks the form of p_running, because another pool reads it when it rescues
-- this one. pools, slots and waiting are of the pools that claim the same jobs (count_pools). A
-- pool whose program was made for a schema before compatible_since has to end.
create function pdoflow.pool_heartbeat(p_pool bigint, p_running jsonb, p_listens boolean)
returns table (
  is_up boolean, is_draining boolean, slots bigint, followed bigint[], pools integer,
  waiting integer, compatible_since integer
)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_state text;
begin
  perform pdoflow.require_pool(p_pool);
  if octet_length(p_running::text) > 1024 * 1024 then
    raise exception 'expected at most 1 MiB of running jobs' using errcode = 'PF002';
  end if;
  perform from jsonb_to_recordset(p_running)
    as j (posting bigint, seq integer, attempt integer, ms float8);
  update pdoflow.pool set heartbeat_at = clock_timestamp(), running = p_running, listens = p_listens
  where id = p_pool and state in ('up', 'draining') returning state into v_state;
  return query
    select v_state is not null, coalesce(v_state = 'draining', false),
           c.slots,
           array(select f.posting_id from pdoflow.followed f
                 where f.until > now() and f.posting_id in (
                   select (j.value ->> 'posting')::bigint from jsonb_array_elements(p_running) j)),
           c.pools, c.waiting, (select max(m.compatible_since) from pdoflow.migration m)
    from pdoflow.count_pools(p_pool) c;
end $$;

-- As results_page, for a job of p_posting, which gathers, from index p_first of the upstream on.
-- Only for the pool that has leased this job, and only within the range that the job reads (P13).
create function pdoflow.pool_upstream(
  p_pool bigint, p_posting bigint, p_seq integer, p_first integer,
  out states text, out texts text
) language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v record;
begin
  perform pdoflow.require_pool(p_pool);
  if not exists (
    select from pdoflow.lease l cross join lateral pdoflow.ranges_of(l) r
    where l.pool_id = p_pool and l.active and r.posting_id = p_posting
      and r.first_seq <= p_seq and r.end_seq > p_seq) then
    raise exception 'this pool has not leased job % of posting %', p_seq, p_posting
      using errcode = 'insufficient_privilege';
  end if;
  select u.id, p_seq * s.size as first_index,
         least((p_seq + 1) * s.size, u.job_count)::integer as end_index into v
  from pdoflow.posting p join pdoflow.posting u on u.id = p.gather
    cross join lateral (select coalesce(p.gather_size, u.job_count)::bigint as size) s
  where p.id = p_posting;
  if not found then
    raise exception 'the posting whose results job % of posting % reads does not exist any more',
      p_seq, p_posting using errcode = 'PF003';
  end if;
  if not coalesce(p_first >= v.first_index and p_first < v.end_index, false) then
    raise exception 'job % of posting % cannot read the result of job % of posting %', p_seq,
      p_posting, p_first, v.id using errcode = 'insufficient_privilege';
  end if;
  select r.states, r.texts into states, texts
  from pdoflow.results_page(v.id, p_first, v.end_index) r;
end $$;

-- Records that a pool waits for postings (O5).
create function pdoflow.pool_listens(p_pool bigint) returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_pool(p_pool);
  perform set_config('synchronous_commit', 'off', true);
  update pdoflow.pool set listens = true where id = p_pool and not listens;
end $$;

create function pdoflow.pool_drain(p_pool bigint) returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_pool(p_pool);
  update pdoflow.pool set state = 'draining' where id = p_pool and state = 'up';
end $$;

create function pdoflow.pool_end(p_pool bigint) returns integer language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_pool(p_pool);
  delete from pdoflow.live_output where pool_id = p_pool;
  return pdoflow.end_pool(p_pool);
end $$;

-- The routes whose postings the caller maintains; null means all. Maintaining any posting would be
-- correct, but it takes locks, and the pool of one poster must not delay the pools of others.
create function pdoflow.upkeep_routes() returns integer[] language sql stable as
$$ select case when not pdoflow.runs_all() then pdoflow.run_routes() end $$;

-- The routes of unfinished postings that the pools of the caller can run, sorted by id: of
-- p_project, or of all projects if it is null; or, with p_run, the caller's route of that run:
-- another poster who reads its token could make its pool run commands. As long as routes are few,
-- this includes routes whose postings have ended, so that no old snapshot makes it slower.
create function pdoflow.pool_routes(p_run text, p_project text) returns table (
  id integer, poster text, poster_os text, needs jsonb, run text, project text, share real
) language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_posters text[] := pdoflow.upkeep_posters();
  v_are_few boolean := p_run = '' and 200 >= (
    select count(*) from (select from pdoflow.route r where r.run = '' limit 201) few);
begin
  return query
    with found as materialized (
      select r.* from pdoflow.open_routes() as o (id) cross join lateral (
        select * from pdoflow.route where id = o.id and run = '' offset 0) r
      where p_run = '' and not v_are_few
      union all
      select r.* from pdoflow.route r where v_are_few and r.run = ''
      union all
      select r.* from pdoflow.route r
      where p_run <> '' and r.run = p_run and r.run <> '' and r.poster = pdoflow.caller()),
    mine as materialized (
      select * from found f
      where (v_posters is null or f.poster = any (v_posters))
        and (p_project is null or f.project in ('', p_project))),
    weight as materialized (
      select m.poster, pdoflow.share_of(m.poster) as share
      from (select distinct poster from mine) m)
    select m.id, m.poster, m.poster_os, m.needs, m.run, m.project, w.share
    from mine m join weight w using (poster) order by m.id;
end $$;

-- The first job of each route that could be claimed now, of p_postings or, if that is null, of all:
-- its priority, its posting, and the time since it was posted in ms.
create function pdoflow.pool_heads(p_routes integer[], p_skip bigint[], p_postings bigint[])
returns table (
  route_id integer, priority integer, posting_id bigint, waited_ms double precision
) language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  return query
    select route.id, first.priority, first.posting_id,
           (extract(epoch from now() - p.posted_at) * 1000)::double precision
    from unnest(pdoflow.served(p_routes)) as route (id)
      cross join lateral (
        select * from (
          select l.effective_priority as priority, l.posting_id
          from pdoflow.best_lane(array[route.id], false, p_skip, p_postings, '{}') l
          union all
          select r.priority, r.posting_id
          from pdoflow.due_retry(array[route.id], p_skip, false, true, p_postings) r) found
        where posting_id is not null order by priority desc, posting_id limit 1) first
      join pdoflow.posting p on p.id = first.posting_id;
end $$;

-- The time in ms until the next retry is due, and until the next posting with a run_at starts or a
-- schedule fires; null if there is none. Unless p_postings is null, only their retries count.
-- any_waits: whether a posting waits for another one, or for its notification.
create function pdoflow.pool_next_ms(
  p_routes integer[], p_skip bigint[], p_postings bigint[],
  out retry_ms double precision, out start_ms double precision, out any_waits boolean
) language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
begin
  retry_ms := pdoflow.next_retry_ms(pdoflow.served(p_routes), p_skip, p_postings);
  select extract(epoch from run_at - now()) * 1000 into start_ms from pdoflow.posting
  where run_at is not null and state = 'open'
    and (pdoflow.runs_all() or route_id = any (pdoflow.run_routes()))
  order by run_at limit 1;
  start_ms := least(start_ms, pdoflow.next_fire_ms(pdoflow.upkeep_posters()));
  any_waits := exists (select from pdoflow.edge where met_at is null and not lapsed)
    or exists (select from pdoflow.edge where feeds)
    or exists (select from pdoflow.posting where notified < reopened
               and (ended_at is not null or state = 'errored_out'));
end $$;

-- The posters whose postings the caller maintains; null means all.
create function pdoflow.upkeep_posters() returns text[] language sql stable as
$$ select case when not pdoflow.runs_all() then pdoflow.run_posters() end $$;

-- Opens the postings that start now, and cancels late postings.
create function pdoflow.pool_start_due() returns integer language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.expire_due(pdoflow.upkeep_routes());
  perform pdoflow.expire_unbegun(pdoflow.upkeep_routes());
  return pdoflow.start_due(pdoflow.upkeep_routes());
end $$;

-- Fires one time of a schedule that is due; returns whether there was one.
create function pdoflow.pool_fire_due() returns boolean language plpgsql
security definer set search_path = pg_catalog, pg_temp as
$$ begin return pdoflow.fire_due(pdoflow.upkeep_posters()); end $$;

-- Postings that may be at rest since their last notification.
create function pdoflow.pool_at_rest(
  p_after bigint, out posting_id bigint, out flow_id bigint, out waits boolean
) returns setof record language plpgsql stable
security definer set search_path = pg_catalog, pg_temp as $$
begin
  return query select r.* from pdoflow.postings_at_rest(p_after, pdoflow.upkeep_routes()) r;
end $$;

-- Posts the notifications of a posting that came to rest; returns their number. If its poster has
-- postings of too many routes, or it goes on at this moment, a later call posts them.
create function pdoflow.pool_notify(p_posting bigint) returns integer language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not pdoflow.runs_all() and not exists (
    select from pdoflow.posting
    where id = p_posting and route_id = any (pdoflow.upkeep_routes())) then
    return 0;
  end if;
  return pdoflow.notify_posting(p_posting);
exception when serialization_failure or sqlstate 'PF001' then
  return 0;
end $$;

-- The same for a flow; null if it must be checked again, because a transaction has locked it.
create function pdoflow.pool_notify_flow(p_flow bigint) returns integer language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not exists (
    select from pdoflow.flow
    where id = p_flow and (pdoflow.runs_all() or poster = any (pdoflow.upkeep_posters()))) then
    return 0;
  end if;
  return pdoflow.notify_flow(p_flow);
exception when serialization_failure or sqlstate 'PF001' then
  return null;
end $$;

-- Begins a prune of a schedule that is due, if the caller is the owner. Returns its options; no row
-- if none is due. The pool prunes, and then calls pool_end_prune.
create function pdoflow.pool_prune_due()
returns table (schedule_id bigint, nominal_at timestamptz, options jsonb) language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not pdoflow.is_owner() or not pdoflow.fire_due_prune() then return; end if;
  return query
    select f.schedule_id, f.nominal_at, s.options
    from pdoflow.fire f join pdoflow.schedule s on s.id = f.schedule_id
    where f.outcome = 'started' and f.fired_at = now();
end $$;

-- Notes how a prune of a schedule ended: pruned or refused, and what was pruned or why not.
create function pdoflow.pool_end_prune(
  p_schedule bigint, p_nominal timestamptz, p_outcome text, p_reason text
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not pdoflow.is_owner() then
    raise exception 'the role % may not prune', pdoflow.caller()
      using errcode = 'insufficient_privilege';
  end if;
  update pdoflow.fire set outcome = p_outcome, reason = left(p_reason, 1000)
  where schedule_id = p_schedule and nominal_at = p_nominal and outcome in ('started', 'refused');
end $$;

-- Settles up to 1,000 postings that wait for p_upstreams, or for any posting if that is null.
-- Meeting element-wise edges comes first, because its locks come before those of postings.
create function pdoflow.pool_settle(
  p_upstreams bigint[], p_after bigint, out last_id bigint, out settled integer
) language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_routes integer[];
  v_met record;
  v_settled record;
  v_skipping record;
begin
  v_routes := pdoflow.upkeep_routes();
  v_met := pdoflow.meet_elements(p_upstreams, p_after, 100, v_routes);
  v_settled := pdoflow.settle(p_upstreams, p_after, 1000, v_routes);
  v_skipping := pdoflow.skip_elements(p_upstreams, p_after, 1000, v_routes);
  last_id := least(v_met.last_id, v_settled.last_id, v_skipping.last_id); -- ignores nulls
  settled := v_met.opened + v_settled.settled + v_skipping.skipping;
end $$;

-- Ends the postings among p_postings whose jobs have all ended.
create function pdoflow.pool_finish(p_postings bigint[]) returns setof bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$ begin
  return query select * from pdoflow.finish(case when pdoflow.runs_all() then p_postings else
    array(select id from pdoflow.posting
          where id = any (p_postings) and route_id = any (pdoflow.run_routes())) end);
end $$;

-- Ends postings that a pool left open because it died between its last outcome and pool_finish.
create function pdoflow.pool_finish_stragglers() returns setof bigint language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  return query select * from pdoflow.finish(array(
    select p.id from pdoflow.posting p join (
      select posting_id, sum(done + failed + cancelled) as ended
      from pdoflow.progress group by posting_id) g on g.posting_id = p.id
    where g.ended = p.job_count
      and (pdoflow.runs_all() or p.route_id = any (pdoflow.run_routes())) limit 1000));
end $$;

-- Folds progress, and drops drafts of jobs whose leases have ended.
create function pdoflow.pool_fold() returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.fold(pdoflow.upkeep_routes());
  perform pdoflow.drop_dead_drafts(1000, pdoflow.upkeep_routes());
end $$;

-- Opens the next span well before it is needed. Only for pools that run all postings: it locks.
create function pdoflow.pool_keep_room() returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  if pdoflow.runs_all() and pdoflow.room() < 10000
     and pg_try_advisory_xact_lock(pdoflow.span_lock(0)) then
    perform pdoflow.open_span();
  end if;
end $$;

create function pdoflow.pool_rescue()
returns table (pool bigint, host text, jobs integer, failed integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$ begin return query select * from pdoflow.rescue(pdoflow.upkeep_routes()); end $$;

-- The other pools that have jobs of these routes, with the time of their last heartbeat, and the
-- time in ms until they count as lost.
create function pdoflow.pool_job_holders(p_pool bigint, p_routes integer[])
returns table (number bigint, host text, heartbeat_ms double precision, due_in_ms double precision)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  perform pdoflow.require_pool(p_pool);
  return query
    select p.number, p.host, (extract(epoch from p.heartbeat_at) * 1000)::double precision,
           (p.heartbeat_timeout_ms - extract(epoch from clock_timestamp() - p.heartbeat_at) * 1000)
             ::double precision
    from pdoflow.pool p
    where p.state in ('up', 'draining') and p.id <> p_pool and exists (
      select from pdoflow.lease l join pdoflow.posting o on o.id = l.posting_ids[1]
      where l.pool_id = p.id and l.active and o.route_id = any (pdoflow.served(p_routes)))
    order by p.number;
end $$;

-- Stops postings whose jobs only fail, if the pools of the caller can run them.
create function pdoflow.pool_stop_posting(p_postings bigint[], p_reason text)
returns bigint[] language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  return pdoflow.pause_postings(array(
    select id from pdoflow.posting
    where id = any (p_postings)
      and (pdoflow.runs_all() or route_id = any (pdoflow.run_routes()))),
    'errored_out', p_reason);
end $$;
