-- Schedules, for posters and operators (docs/schedules.md).

-- The next times of a cron expression or interval after a moment: nominal times, without jitter.
-- An interval counts from p_from, by default that moment.
create function pdoflow.next_times(
  p_timing text, p_zone text default 'UTC', p_count integer default 10,
  p_after timestamptz default now(), p_from timestamptz default null
) returns setof timestamptz language plpgsql stable
security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_from constant timestamptz := coalesce(p_from, p_after);
begin
  perform pdoflow.require_zone(p_zone);
  if p_count is null or p_count not between 1 and 1000 then
    raise exception 'expected a count of 1 to 1000 times, found %', coalesce(p_count::text, 'null')
      using errcode = 'PF002';
  end if;
  for i in 1..p_count loop
    p_after := pdoflow.next_time(p_timing, p_zone, v_from, p_after);
    return next p_after;
    exit when p_after is null;
  end loop;
end $$;

create function pdoflow.require_zone(p_zone text) returns void language plpgsql stable as $$
begin
  if not exists (select from pg_timezone_names where name = p_zone) then
    raise exception 'expected a time zone such as Europe/Berlin, found "%"', left(p_zone, 100)
      using errcode = 'PF002';
  end if;
end $$;

-- A new schedule of the caller, without its work.
create function pdoflow.new_schedule(p_name text, p_timing text, p_os_user text, p_settings jsonb)
returns pdoflow.schedule language plpgsql as $$
declare
  s pdoflow.schedule;
  v_key text;
  v_value jsonb;
  v_next timestamptz;
begin
  perform pdoflow.require_poster();
  perform pdoflow.require_name(p_name);
  if p_name ~ '^(first|last)([.:+-]|$)' then
    perform pdoflow.refuse_option('name', 'a name that does not begin like a selector of postings',
                                  to_jsonb(p_name));
  end if;
  s.name := p_name;
  s.poster := pdoflow.caller();
  s.poster_os := coalesce(p_os_user, '');
  s.timing := trim(p_timing);
  s.zone := 'UTC';
  s.jitter_ms := 0;
  s.overlap := 'skip';
  s.missed := 'last';
  s.options := '{}';
  s.created_at := now();
  for v_key, v_value in select * from jsonb_each(p_settings) loop
    case v_key
      when 'zone' then
        s.zone := v_value #>> '{}';
        perform pdoflow.require_zone(s.zone);
      when 'jitterMs' then s.jitter_ms := pdoflow.whole_option(v_key, v_value, 0, 86400000);
      when 'overlap' then
        s.overlap := pdoflow.text_option(
          v_key, v_value, v_value #>> '{}' in ('skip', 'queue', 'allow', 'cancel'),
          'skip, queue, allow or cancel');
      when 'missed' then
        s.missed := pdoflow.text_option(
          v_key, v_value, v_value #>> '{}' in ('last', 'none', 'all'), 'last, none or all');
      when 'until' then s.until := pdoflow.limit_option(v_key, v_value, 3153600000000);
      else
        raise exception 'unknown setting of a schedule "%"', left(v_key, 100)
          using errcode = 'PF002';
    end case;
  end loop;
  s.nominal_at := pdoflow.next_time(s, now());
  if s.nominal_at is null then
    v_next := pdoflow.next_time(s.timing, s.zone, s.created_at, now());
    raise exception '%', case
      when v_next is null then format('expected a time that comes, found "%s", which never does',
                                      left(s.timing, 100))
      else format('expected an end (until) at or after the next time, %s, found %s',
                  v_next, s.until) end
      using errcode = 'PF002';
  end if;
  s.fires_at := pdoflow.with_jitter(s, s.nominal_at);
  return s;
end $$;

-- Stores a new schedule, in place of the one with its name; returns its number.
create function pdoflow.store_schedule(s pdoflow.schedule) returns bigint language plpgsql as $$
begin
  if octet_length(s.jobs) > 1048576 then
    raise exception 'expected up to 1 MiB of arguments, found % bytes: keep large data in files, '
      'and post their names', octet_length(s.jobs) using errcode = 'PF002';
  end if;
  insert into pdoflow.schedule as x (
    name, poster, poster_os, timing, zone, jitter_ms, overlap, missed, entry_point, flow_name,
    options, jobs, job_count, created_at, until, nominal_at, fires_at)
  values (s.name, s.poster, s.poster_os, s.timing, s.zone, s.jitter_ms, s.overlap, s.missed,
          s.entry_point, s.flow_name, s.options, s.jobs, s.job_count, s.created_at, s.until,
          s.nominal_at, s.fires_at)
  on conflict (poster, name) do update
  set poster_os = excluded.poster_os, timing = excluded.timing, zone = excluded.zone,
      jitter_ms = excluded.jitter_ms, overlap = excluded.overlap, missed = excluded.missed,
      entry_point = excluded.entry_point, flow_name = excluded.flow_name,
      options = excluded.options, jobs = excluded.jobs, job_count = excluded.job_count,
      created_at = excluded.created_at, until = excluded.until, nominal_at = excluded.nominal_at,
      fires_at = excluded.fires_at
  returning x.id into s.id;
  return s.id;
end $$;

-- The number of jobs in a text with a line for each, which has at least one.
create function pdoflow.require_jobs(p_jobs text) returns integer language plpgsql as $$
declare
  v_jobs integer;
begin
  v_jobs := pdoflow.count_jobs(0, p_jobs);
  if coalesce(v_jobs, 0) = 0 then
    raise exception 'expected at least one job, found none; a job without arguments is []'
      using errcode = 'PF002';
  end if;
  return v_jobs;
exception when invalid_text_representation then
  raise exception 'expected a line of JSON for each job, a list of arguments or an object, found '
    '"%"', left(p_jobs, 100) using errcode = 'PF002', detail = sqlerrm;
end $$;

-- Adds a schedule of the caller, or replaces its schedule with that name; returns its number.
--   p_jobs      a line for each job: a list of arguments, or an object that is the one argument
--   p_options   as for post
--   p_settings  {"zone": "UTC", "jitterMs": 0, "overlap": "skip", "missed": "last",
--               "until": "2030-01-01T00:00:00Z"}
create function pdoflow.schedule(
  p_name text, p_timing text, p_entry_point text, p_jobs text default '[]',
  p_options jsonb default '{}', p_settings jsonb default '{}'
) returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  s pdoflow.schedule := pdoflow.new_schedule(p_name, p_timing, p_options ->> 'osUser', p_settings);
begin
  perform pdoflow.posting_of(p_entry_point, p_options);
  perform pdoflow.require_options(p_options, array['osUser', 'command'],
                                  'a schedule cannot have it');
  s.entry_point := p_entry_point;
  s.options := p_options;
  s.jobs := rtrim(p_jobs, e'\n');
  s.job_count := pdoflow.require_jobs(s.jobs);
  return pdoflow.store_schedule(s);
end $$;

-- The same for a flow, as sql/engine/fire_flow.sql describes it; the one option is osUser. Posts
-- it and takes that back, to find its faults.
create function pdoflow.schedule_flow(
  p_name text, p_timing text, p_flow json, p_options jsonb default '{}',
  p_settings jsonb default '{}'
) returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  s pdoflow.schedule := pdoflow.new_schedule(p_name, p_timing, p_options ->> 'osUser', p_settings);
begin
  if json_typeof(p_flow) is distinct from 'object'
     or json_typeof(p_flow -> 'stages') is distinct from 'array'
     or json_array_length(p_flow -> 'stages') not between 1 and 1000 then
    raise exception 'expected a flow such as {"name": "night", "stages": [{"stage": "reduce", '
      '"run": "reduce.ts#main"}]}, with 1 to 1000 stages, found %', left(p_flow::text, 1000)
      using errcode = 'PF002';
  end if;
  s.flow_name := pdoflow.name_option('name', coalesce((p_flow -> 'name')::jsonb, 'null'));
  s.jobs := p_flow::text;
  s.job_count := json_array_length(p_flow -> 'stages');
  if s.flow_name is null or octet_length(s.jobs) > 1048576 then
    raise exception 'expected the name of the flow, and up to 1 MiB of stages, found % bytes',
      octet_length(s.jobs) using errcode = 'PF002';
  end if;
  perform pdoflow.require_flow_of(s);
  return pdoflow.store_schedule(s);
end $$;

-- The same for a prune, by the owner. Options: {"olderThanMs": 2592000000, "states": ["finished",
-- "cancelled"]}.
create function pdoflow.schedule_prune(
  p_name text, p_timing text, p_options jsonb, p_settings jsonb default '{}'
) returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  s pdoflow.schedule := pdoflow.new_schedule(p_name, p_timing, p_options ->> 'osUser', p_settings);
begin
  if not pdoflow.is_owner() then
    raise exception 'the role % may not prune: only the owner of the queue may', pdoflow.caller()
      using errcode = 'insufficient_privilege';
  elsif jsonb_typeof(p_options) is distinct from 'object'
     or p_options - array['olderThanMs', 'states', 'osUser'] <> '{}'
     or not p_options ? 'olderThanMs' then
    perform pdoflow.refuse_option('(all)', 'olderThanMs and states', coalesce(p_options, 'null'));
  elsif not coalesce(p_options -> 'states', '[]') <@ '["finished", "cancelled"]' then
    perform pdoflow.refuse_option('states', 'finished, cancelled or both', p_options -> 'states');
  end if;
  s.options := jsonb_build_object(
    'olderThanMs',
    pdoflow.whole_option('olderThanMs', p_options -> 'olderThanMs', 0, 3153600000000),
    'states', coalesce(p_options -> 'states', '["finished", "cancelled"]'));
  s.jobs := '';
  s.job_count := 0;
  return pdoflow.store_schedule(s);
end $$;

-- The caller's schedule with a name, or for operators the only one of all; locked.
create function pdoflow.schedule_of(p_name text) returns pdoflow.schedule language plpgsql as $$
declare
  s pdoflow.schedule;
begin
  select * into s from pdoflow.schedule
  where name = p_name and (poster = pdoflow.caller() or pdoflow.has_grant('operator'))
  order by poster = pdoflow.caller() desc, id limit 1 for no key update;
  if not found then
    raise exception 'there is no schedule "%" that the role % can change', left(p_name, 100),
      pdoflow.caller() using errcode = 'PF003';
  end if;
  return s;
end $$;

-- Pauses or resumes a schedule. Times that pass while it is paused do not fire.
create function pdoflow.pause_schedule(p_name text, p_pauses boolean) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  s pdoflow.schedule := pdoflow.schedule_of(p_name);
begin
  if s.is_paused = p_pauses then return false; end if;
  update pdoflow.schedule set is_paused = p_pauses where id = s.id;
  if not p_pauses then perform pdoflow.advance_schedule(s, now()); end if;
  return true;
end $$;

create function pdoflow.delete_schedule(p_name text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  s pdoflow.schedule := pdoflow.schedule_of(p_name);
begin
  delete from pdoflow.fire where schedule_id = s.id;
  delete from pdoflow.schedule where id = s.id;
end $$;

-- The same, of a schedule that posts.
create function pdoflow.posting_schedule_of(p_name text) returns pdoflow.schedule
language plpgsql as $$
declare
  s pdoflow.schedule := pdoflow.schedule_of(p_name);
begin
  if pdoflow.prunes(s) then
    raise exception 'the schedule "%" prunes, at its times only. To prune now: pdoflow prune',
      p_name using errcode = 'PF002';
  end if;
  return s;
end $$;

-- Fires a schedule now, without using up a time. The outcome is posted, skipped or refused; the
-- reason says why.
create function pdoflow.run_schedule(
  p_name text, out posting_id bigint, out flow_id bigint, out outcome text, out reason text
) language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v pdoflow.fire := pdoflow.fire_schedule(
    pdoflow.posting_schedule_of(p_name), clock_timestamp(), true);
begin
  posting_id := v.posting_id;
  flow_id := v.flow_id;
  outcome := v.outcome;
  reason := v.reason;
end $$;

-- Fires a schedule for the first of its times between two moments, as run_schedule does. A time
-- that has posted does not fire again, even if its fire is not kept any more: its outcome is
-- "kept". Returns no row if there is none.
-- Fires only one, because firing takes the locks of posting in their order.
create function pdoflow.backfill_schedule(p_name text, p_from timestamptz, p_to timestamptz)
returns table (nominal_at timestamptz, posting_id bigint, flow_id bigint, outcome text, reason text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  s pdoflow.schedule := pdoflow.posting_schedule_of(p_name);
  v_at timestamptz := pdoflow.next_time(s.timing, s.zone, s.created_at, p_from - interval '1 us');
  v_key constant text := pdoflow.fire_key(s, v_at);
  v_posting constant bigint := (
    select k.posting_id from pdoflow.posting_key k
    where k.poster = s.poster and k.poster_os = s.poster_os and k.key = v_key);
  v_flow constant bigint := (
    select w.id from pdoflow.flow w
    where w.poster = s.poster and w.poster_os = s.poster_os and w.key = v_key);
  v pdoflow.fire;
begin
  if p_from > p_to then
    raise exception 'expected a first moment before the last one, found % and %', p_from, p_to
      using errcode = 'PF002';
  end if;
  if v_at is null or v_at > least(p_to, now()) then return; end if;
  if v_posting is not null or v_flow is not null then
    return query select v_at, v_posting, v_flow, 'kept', null::text;
    return;
  end if;
  -- A time that was missed or skipped can be made up.
  perform pdoflow.forget_unposted(s, v_at);
  v := pdoflow.fire_schedule(s, v_at, true);
  if v.outcome is null then
    return query select f.nominal_at, f.posting_id, f.flow_id, 'kept', null::text
                 from pdoflow.fire f where f.schedule_id = s.id and f.nominal_at = v_at;
  else
    return query select v_at, v.posting_id, v.flow_id, v.outcome, v.reason;
  end if;
end $$;

-- Why a schedule that the caller can see does not fire, although it is not paused: its poster may
-- not post any more, or no live pool fires it; null if it fires.
create function pdoflow.schedule_obstacle(p_name text) returns text language plpgsql stable
security definer set search_path = pg_catalog, pg_temp as $$
declare
  s pdoflow.schedule;
begin
  select * into s from pdoflow.schedule
  where name = p_name and (pdoflow.sees_all() or poster = pdoflow.caller())
  order by poster = pdoflow.caller() desc, id limit 1;
  if not found then return format('there is no schedule named %s', left(p_name, 100)); end if;
  return case
    when pdoflow.prunes(s) and not pdoflow.owns(s.poster)
      then format('the role %s may not prune any more', s.poster)
    when not pdoflow.prunes(s) and not pdoflow.may_post(s.poster)
      then format('the role %s may not post any more', s.poster)
    when not exists (
      select from pdoflow.pool p
      where p.state in ('up', 'draining')
        and p.heartbeat_at >= clock_timestamp() - p.heartbeat_timeout_ms * interval '1 ms'
        and (pdoflow.owns(p.role) or not pdoflow.prunes(s) and exists (
          select from pdoflow.grants_of(p.role) g
          where g.kind = 'pool' and (g.posters is null or s.poster = any (g.posters)
                                     or p.role = s.poster))))
      then case when pdoflow.prunes(s) then 'no pool runs whose role owns the queue'
                else format('no pool runs that fires schedules of %s', s.poster) end end;
end $$;

create view pdoflow.schedules with (security_barrier) as
select s.name, s.poster, s.timing, s.zone, s.jitter_ms, s.overlap, s.missed, s.entry_point,
       s.flow_name, s.options, s.job_count, s.until, s.is_paused, s.nominal_at,
       s.fires_at, s.posting_id, s.flow_id, s.created_at
from pdoflow.schedule s
where (select pdoflow.sees_all()) or s.poster = pdoflow.caller();
comment on view pdoflow.schedules is 'One row: a schedule that the caller can see.';

create view pdoflow.fires with (security_barrier) as
select s.name, s.poster, f.nominal_at, f.fired_at, f.outcome, f.by_hand, f.posting_id,
       f.flow_id, f.reason, f.times, f.last_at
from pdoflow.fire f join pdoflow.schedule s on s.id = f.schedule_id
where (select pdoflow.sees_all()) or s.poster = pdoflow.caller();
comment on view pdoflow.fires is
'One row: a time of a schedule that the caller can see, and what happened then; or a run of missed
times, from nominal_at to last_at.';
