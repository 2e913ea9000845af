-- What happens when a schedule fires (H2): its jobs are posted for its poster, whichever pool fires
-- it, and the outcome is noted.

-- Notes what happened at a time of a schedule, and deletes old fires.
create function pdoflow.note_fire(
  s pdoflow.schedule, p_nominal timestamptz, p_outcome text, p_reason text, p_by_hand boolean,
  p_posting bigint default null, p_flow bigint default null
) returns pdoflow.fire language plpgsql set jit = off set enable_seqscan = off as $$
declare
  v_fire pdoflow.fire;
begin
  insert into pdoflow.fire
    (schedule_id, nominal_at, outcome, reason, posting_id, flow_id, by_hand)
  values (s.id, p_nominal, p_outcome, left(p_reason, 1000), p_posting, p_flow, p_by_hand)
  on conflict (schedule_id, nominal_at) do nothing returning * into v_fire;
  delete from pdoflow.fire where schedule_id = s.id and nominal_at <= (
    select nominal_at from pdoflow.fire where schedule_id = s.id
    order by nominal_at desc offset 400 limit 1);
  return v_fire;
end $$;

-- Notes that the times of a schedule from one to another were missed, as one fire (H5).
create function pdoflow.note_missed(
  s pdoflow.schedule, p_first timestamptz, p_last timestamptz
) returns void language plpgsql set jit = off set enable_seqscan = off as $$
begin
  perform pdoflow.note_fire(s, p_first, 'missed', case
    when s.missed = 'all' then 'no more than the last 100 missed times are made up for'
    else 'no pool fired it in time' end, false);
  if p_last > p_first then
    update pdoflow.fire set times = pdoflow.count_times(s, p_first, p_last), last_at = p_last
    where schedule_id = s.id and nominal_at = p_first and outcome = 'missed';
  end if;
end $$;

-- Deletes the fire of a time that posted nothing, so that it can be made up for. In a run of missed
-- times, there is one less (H5).
create function pdoflow.forget_unposted(s pdoflow.schedule, p_nominal timestamptz) returns void
language plpgsql set jit = off set enable_seqscan = off as $$
declare
  v_run pdoflow.fire;
  v_first timestamptz := p_nominal;
begin
  delete from pdoflow.fire
  where schedule_id = s.id and nominal_at = p_nominal
    and outcome in ('missed', 'skipped', 'refused') and times = 1;
  if found then return; end if;
  select * into v_run from pdoflow.fire
  where schedule_id = s.id and nominal_at <= p_nominal and last_at >= p_nominal and times > 1
  order by nominal_at desc limit 1;
  if not found then return; end if;
  if v_run.nominal_at = p_nominal then -- the key moves to the first time without a fire
    loop
      v_first := pdoflow.next_time(s, v_first);
      exit when not exists (
        select from pdoflow.fire where schedule_id = s.id and nominal_at = v_first);
    end loop;
  else
    v_first := v_run.nominal_at;
  end if;
  if v_first is null or v_first > v_run.last_at then -- it was added again, with other times
    v_first := v_run.last_at;
  end if;
  update pdoflow.fire set times = times - 1, nominal_at = v_first
  where schedule_id = s.id and nominal_at = v_run.nominal_at;
end $$;

-- The postings of the last fire of a schedule that have not ended. Finds them by their number or
-- flow first: an index of open postings looks as good while the table is small, and its plan stays.
create function pdoflow.unfinished_of(s pdoflow.schedule) returns bigint[]
language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  return array(
    select id from (
      select id, ended_at from pdoflow.posting where id = s.posting_id
      union select id, ended_at from pdoflow.posting where flow_id = s.flow_id offset 0) p
    where ended_at is null order by id);
end $$;

-- The option "after" of a posting that waits for the end of others.
create function pdoflow.after_any(p_postings bigint[]) returns jsonb language sql immutable as $$
  select coalesce(jsonb_agg(jsonb_build_object('posting', id, 'kind', 'any')), '[]')
  from unnest(p_postings) as p (id)
$$;

-- Posts the jobs of a schedule, behind some postings; returns the posting. Returns the same posting
-- if p_key was posted before.
create function pdoflow.post_jobs_of(
  s pdoflow.schedule, p_nominal timestamptz, p_key text, p_behind bigint[]
) returns bigint language plpgsql set jit = off set enable_seqscan = off as $$
declare
  v pdoflow.posting := pdoflow.posting_of(s.entry_point, s.options);
  v_limits record := pdoflow.limits_of(s.poster, pdoflow.owns(s.poster));
begin
  v.id := pdoflow.new_posting_id();
  insert into pdoflow.posting_key (poster, poster_os, key, posting_id)
  values (s.poster, s.poster_os, p_key, v.id) on conflict do nothing;
  if not found then
    return (select posting_id from pdoflow.posting_key
            where poster = s.poster and poster_os = s.poster_os and key = p_key);
  end if;
  v.job_count := pdoflow.write_jobs(v.id, 0, s.jobs, null, v_limits.max_argument_bytes);
  v.name := coalesce(v.name, s.name);
  v.schedule := s.name;
  v.scheduled_at := p_nominal;
  perform pdoflow.write_posting(
    v, s.options || jsonb_build_object('after', pdoflow.after_any(p_behind)), false, null, null,
    null, s.poster);
  return v.id;
end $$;

-- Begins a prune for the caller, whose pool then prunes and reports its end. A prune whose pool
-- stopped before has left the rest to this one.
create function pdoflow.start_prune(s pdoflow.schedule, p_nominal timestamptz)
returns pdoflow.fire language plpgsql set jit = off set enable_seqscan = off as $$
begin
  update pdoflow.fire set outcome = 'refused', reason = 'its pool stopped before the prune ended'
  where schedule_id = s.id and outcome = 'started';
  if not pdoflow.owns(s.poster) then
    return pdoflow.note_fire(
      s, p_nominal, 'refused', format('the role %s may not prune any more', s.poster), false);
  end if;
  return pdoflow.note_fire(s, p_nominal, 'started', null, false);
end $$;

-- The key under which a time of a schedule is posted.
create function pdoflow.fire_key(s pdoflow.schedule, p_nominal timestamptz) returns text
language sql stable as $$
  select format('schedule/%s/%s', s.id,
    to_char(p_nominal at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
$$;

-- Fires a schedule, whose row is locked, for one time, and notes what happened. Null if it has
-- fired for that time (H2). By hand it posts whatever else runs, and the next time disregards that
-- posting: overlap is for postings of the times of the schedule.
create function pdoflow.fire_schedule(s pdoflow.schedule, p_nominal timestamptz, p_by_hand boolean)
returns pdoflow.fire language plpgsql set jit = off set enable_seqscan = off as $$
declare
  v_key constant text := pdoflow.fire_key(s, p_nominal);
  v_before bigint[] := case when p_by_hand then '{}' else pdoflow.unfinished_of(s) end;
  v_what text := case when s.flow_id is null then format('posting %s', s.posting_id)
                      else format('flow %s', s.flow_id) end;
  v_behind bigint[] := case when s.overlap = 'queue' then v_before else '{}' end;
  v_posting bigint;
  v_flow bigint;
begin
  if exists (select from pdoflow.fire where schedule_id = s.id and nominal_at = p_nominal) then
    return null;
  elsif pdoflow.prunes(s) then
    return pdoflow.start_prune(s, p_nominal);
  elsif cardinality(v_before) > 0 and s.overlap = 'skip' then
    return pdoflow.note_fire(s, p_nominal, 'skipped', v_what || ' has not ended', false);
  elsif cardinality(v_behind) > 0 and not exists (
    select from pdoflow.posting where id = s.posting_id and not waits
    union all select from pdoflow.posting where flow_id = s.flow_id and not waits) then
    return pdoflow.note_fire(s, p_nominal, 'skipped', v_what || ' still waits', false);
  end if;
  begin
    if not pdoflow.may_post(s.poster) then
      raise exception 'the role % may not post any more', s.poster using errcode = 'PF005';
    elsif s.flow_name is not null then
      v_flow := pdoflow.post_flow_of(s, p_nominal, v_key, v_behind);
    else
      v_posting := pdoflow.post_jobs_of(s, p_nominal, v_key, v_behind);
    end if;
  exception
    when deadlock_detected or serialization_failure then raise;
    when others then -- of the limits of the poster, for example: the next time tries again
      return pdoflow.note_fire(s, p_nominal, 'refused', sqlerrm, p_by_hand);
  end;
  if p_by_hand then
    return pdoflow.note_fire(s, p_nominal, 'posted', null, true, v_posting, v_flow);
  end if;
  update pdoflow.schedule set posting_id = v_posting, flow_id = v_flow where id = s.id;
  if s.overlap = 'cancel' and (s.posting_id, s.flow_id) is distinct from (v_posting, v_flow) then
    perform pdoflow.cancel_postings(v_before, true, 'replaced by ' || case
      when v_flow is null then format('posting %s of its schedule', v_posting)
      else format('flow %s of its schedule', v_flow) end);
  end if;
  return pdoflow.note_fire(s, p_nominal, 'posted', null, false, v_posting, v_flow);
end $$;

-- Fires a schedule that is due, and whose row is locked, and moves it to its next time. A schedule
-- whose times cannot be computed any more is paused, so that it stops no pool.
create function pdoflow.fire_now(s pdoflow.schedule) returns void
language plpgsql set jit = off set enable_seqscan = off as $$
declare
  v record;
begin
  v := pdoflow.due_time(s);
  if v.fire_at is distinct from s.nominal_at then
    perform pdoflow.note_missed(s, s.nominal_at, case
      when v.fire_at is null then v.last_at
      else pdoflow.last_time(s, s.nominal_at, v.fire_at - interval '1 us') end);
  end if;
  if v.fire_at is not null then perform pdoflow.fire_schedule(s, v.fire_at, false); end if;
  perform pdoflow.advance_schedule(s, v.last_at);
exception
  when deadlock_detected or serialization_failure then raise; -- the pool tries again
  when others then
    update pdoflow.schedule set is_paused = true where id = s.id;
    perform pdoflow.note_fire(s, s.nominal_at, 'refused', sqlerrm, false);
end $$;

-- Fires one time of a schedule that is due and posts; returns whether there was one. Only one in a
-- transaction: firing takes the locks of posting, in their order. Skips locked schedules: another
-- pool fires these.
create function pdoflow.fire_due(p_posters text[] default null) returns boolean
language plpgsql set jit = off set enable_seqscan = off as $$
declare
  s pdoflow.schedule;
  v_poster text;
begin
  if p_posters is null then
    select * into s from pdoflow.schedule x
    where fires_at <= now() and not is_paused and not pdoflow.prunes(x)
    order by fires_at limit 1 for no key update skip locked;
  else -- one by one, to read none of the schedules of others (next_fire_ms)
    foreach v_poster in array p_posters loop
      select * into s from pdoflow.schedule x
      where poster between v_poster and v_poster and fires_at <= now() and not is_paused
        and not pdoflow.prunes(x)
      order by poster, fires_at limit 1 for no key update skip locked;
      exit when found;
    end loop;
  end if;
  if s.id is null then return false; end if;
  perform pdoflow.fire_now(s);
  return true;
end $$;

-- The same for a schedule that prunes.
create function pdoflow.fire_due_prune() returns boolean
language plpgsql set jit = off set enable_seqscan = off as $$
declare
  s pdoflow.schedule;
begin
  select * into s from pdoflow.schedule x
  where fires_at <= now() and not is_paused and pdoflow.prunes(x)
  order by fires_at limit 1 for no key update skip locked;
  if not found then return false; end if;
  perform pdoflow.fire_now(s);
  return true;
end $$;
