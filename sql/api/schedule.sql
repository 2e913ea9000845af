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
  for i in 1..least(p_count, 1000) loop
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
  s pdoflow.schedule;
  v_key text;
  v_value jsonb;
begin
  if not pdoflow.has_grant('poster') then
    raise exception 'the role % may not post', pdoflow.caller()
      using errcode = 'insufficient_privilege';
  end if;
  if p_name !~ pdoflow.name_pattern() then
    perform pdoflow.refuse_option('name', 'up to 100 letters, digits or _.:+-, a letter first',
                                  to_jsonb(p_name));
  end if;
  perform pdoflow.posting_of(p_entry_point, p_options);
  perform pdoflow.require_options(p_options, array['osUser', 'command'],
                                  'a schedule cannot have it');
  if octet_length(p_jobs) > 1048576 then
    raise exception 'expected up to 1 MiB of arguments, found % bytes: keep large data in files, '
      'and post their names', octet_length(p_jobs) using errcode = 'PF002';
  end if;
  s.name := p_name;
  s.poster := pdoflow.caller();
  s.poster_os := coalesce(p_options ->> 'osUser', '');
  s.timing := trim(p_timing);
  s.zone := 'UTC';
  s.jitter_ms := 0;
  s.overlap := 'skip';
  s.missed := 'last';
  s.entry_point := p_entry_point;
  s.options := p_options;
  s.jobs := p_jobs;
  s.job_count := cardinality(string_to_array(rtrim(p_jobs, e'\n'), e'\n'));
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
      when 'until' then s.until := pdoflow.moment_option(v_key, v_value);
      else
        raise exception 'unknown setting of a schedule "%"', left(v_key, 100)
          using errcode = 'PF002';
    end case;
  end loop;
  s.nominal_at := pdoflow.next_time(s, now());
  s.fires_at := pdoflow.with_jitter(s, s.nominal_at);
  insert into pdoflow.schedule as x (
    name, poster, poster_os, timing, zone, jitter_ms, overlap, missed, entry_point, options, jobs,
    job_count, created_at, until, nominal_at, fires_at)
  values (s.name, s.poster, s.poster_os, s.timing, s.zone, s.jitter_ms, s.overlap, s.missed,
          s.entry_point, s.options, s.jobs, s.job_count, s.created_at, s.until, s.nominal_at,
          s.fires_at)
  on conflict (poster, name) do update
  set poster_os = excluded.poster_os, timing = excluded.timing, zone = excluded.zone,
      jitter_ms = excluded.jitter_ms, overlap = excluded.overlap, missed = excluded.missed,
      entry_point = excluded.entry_point, options = excluded.options, jobs = excluded.jobs,
      job_count = excluded.job_count,
      created_at = excluded.created_at, until = excluded.until, nominal_at = excluded.nominal_at,
      fires_at = excluded.fires_at
  returning x.id into s.id;
  return s.id;
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

-- Fires a schedule now, without using up a time; returns the posting, null if there is none: see
-- the fire for the reason.
create function pdoflow.run_schedule(p_name text) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$ begin return pdoflow.fire_schedule(pdoflow.schedule_of(p_name), clock_timestamp(), true); end $$;

-- Fires a schedule for its times between two moments that have not fired, at most 1,000.
create function pdoflow.backfill_schedule(p_name text, p_from timestamptz, p_to timestamptz)
returns table (nominal_at timestamptz, posting_id bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  s pdoflow.schedule := pdoflow.schedule_of(p_name);
  v_at timestamptz := p_from - interval '1 us';
begin
  for i in 1..1000 loop
    v_at := pdoflow.next_time(s.timing, s.zone, s.created_at, v_at);
    exit when v_at is null or v_at > least(p_to, now());
    nominal_at := v_at;
    -- A time that was missed or skipped can be made up.
    delete from pdoflow.fire f
    where f.schedule_id = s.id and f.nominal_at = v_at and f.posting_id is null;
    posting_id := pdoflow.fire_schedule(s, v_at, true);
    return next;
  end loop;
end $$;

create view pdoflow.schedules with (security_barrier) as
select s.name, s.poster, s.timing, s.zone, s.jitter_ms, s.overlap, s.missed, s.entry_point,
       s.options, s.job_count, s.until, s.is_paused, s.nominal_at,
       s.fires_at, s.posting_id, s.created_at
from pdoflow.schedule s
where (select pdoflow.sees_all()) or s.poster = pdoflow.caller();
comment on view pdoflow.schedules is 'One row: a schedule that the caller can see.';

create view pdoflow.fires with (security_barrier) as
select s.name, s.poster, f.nominal_at, f.fired_at, f.outcome, f.by_hand, f.posting_id, f.reason
from pdoflow.fire f join pdoflow.schedule s on s.id = f.schedule_id
where (select pdoflow.sees_all()) or s.poster = pdoflow.caller();
comment on view pdoflow.fires is
'One row: a time of a schedule that the caller can see, and what happened then.';
