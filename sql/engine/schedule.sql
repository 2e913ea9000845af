-- Schedules (H1 to H3): when they fire, and what happens then.

-- The interval of "every 90m" in ms; null for a cron expression.
create function pdoflow.interval_of(p_timing text) returns bigint language plpgsql as $$
declare
  v_match text[] := regexp_match(p_timing, '^every +([0-9]{1,6}) ?(s|m|h|d|w)$', 'i');
  v_ms bigint;
begin
  if v_match is null then
    if p_timing ~* '^every' then
      perform pdoflow.refuse_cron('an interval such as every 90m, with s, m, h, d or w', p_timing);
    end if;
    return null;
  end if;
  v_ms := v_match[1]::bigint * case lower(v_match[2]) when 's' then 1000 when 'm' then 60000
    when 'h' then 3600000 when 'd' then 86400000 else 604800000 end;
  if v_ms < 10000 then perform pdoflow.refuse_cron('at least every 10s', p_timing); end if;
  return v_ms;
end $$;

-- The next time of a cron expression in a zone, or of an interval since p_from; null for none.
create function pdoflow.next_time(
  p_timing text, p_zone text, p_from timestamptz, p_after timestamptz
) returns timestamptz language plpgsql stable as $$
declare
  v_ms bigint := pdoflow.interval_of(p_timing);
begin
  if v_ms is null then
    return pdoflow.next_cron(pdoflow.parse_cron(p_timing), p_zone, p_after);
  end if;
  return p_from + (floor(extract(epoch from p_after - p_from) * 1000 / v_ms) + 1)
                  * v_ms * interval '1 ms';
end $$;

-- The same for a schedule, null after its last time.
create function pdoflow.next_time(s pdoflow.schedule, p_after timestamptz) returns timestamptz
language plpgsql stable as $$
declare
  v_next timestamptz := pdoflow.next_time(s.timing, s.zone, s.created_at, p_after);
begin
  return case when s.until is null or v_next <= s.until then v_next end;
end $$;

-- The last time of a schedule from p_first, which is one, to p_to. Looks back in longer and longer
-- steps, so that the cost does not depend on the number of times between.
create function pdoflow.last_time(s pdoflow.schedule, p_first timestamptz, p_to timestamptz)
returns timestamptz language plpgsql stable as $$
declare
  v_back interval;
  v_last timestamptz := p_first;
  v_next timestamptz;
begin
  foreach v_back in array array['1 min', '20 min', '6 h', '2 d', '35 d', '400 d']::interval[] loop
    exit when p_to - v_back <= p_first;
    v_next := pdoflow.next_time(s, p_to - v_back);
    if v_next <= p_to then
      v_last := v_next;
      exit;
    end if;
  end loop;
  loop
    v_next := pdoflow.next_time(s, v_last);
    exit when v_next is null or v_next > p_to;
    v_last := v_next;
  end loop;
  return v_last;
end $$;

-- The moment at which a schedule fires for a time: later by its jitter (H3).
create function pdoflow.with_jitter(s pdoflow.schedule, p_nominal timestamptz) returns timestamptz
language plpgsql stable as $$
declare
  v_gap_ms bigint;
begin
  if s.jitter_ms = 0 or p_nominal is null then return p_nominal; end if;
  v_gap_ms := least(s.jitter_ms, coalesce(extract(epoch from
    pdoflow.next_time(s.timing, s.zone, s.created_at, p_nominal) - p_nominal) * 1000, s.jitter_ms));
  return p_nominal + interval '1 ms' * floor(v_gap_ms * (
    ('x' || substr(md5(s.name || extract(epoch from p_nominal)), 1, 7))::bit(28)::integer
    / 268435456.0));
end $$;

-- Moves a schedule to its first time after a moment (H1).
create function pdoflow.advance_schedule(s pdoflow.schedule, p_after timestamptz) returns void
language plpgsql as $$
declare
  v_next timestamptz := pdoflow.next_time(s, p_after);
begin
  update pdoflow.schedule
  set nominal_at = v_next, fires_at = pdoflow.with_jitter(s, v_next)
  where id = s.id;
end $$;

-- Notes what happened at a time of a schedule, and deletes old fires.
create function pdoflow.note_fire(
  s pdoflow.schedule, p_nominal timestamptz, p_outcome text, p_reason text, p_posting bigint,
  p_by_hand boolean
) returns void language plpgsql set jit = off set enable_seqscan = off as $$
begin
  insert into pdoflow.fire (schedule_id, nominal_at, outcome, reason, posting_id, by_hand)
  values (s.id, p_nominal, p_outcome, left(p_reason, 1000), p_posting, p_by_hand)
  on conflict (schedule_id, nominal_at) do nothing;
  delete from pdoflow.fire where schedule_id = s.id and nominal_at <= (
    select nominal_at from pdoflow.fire where schedule_id = s.id
    order by nominal_at desc offset 400 limit 1);
end $$;

-- Posts the jobs of a schedule for its poster, behind posting p_behind unless that is null; returns
-- the posting. Returns the same posting if p_key was posted before.
create function pdoflow.post_schedule(
  s pdoflow.schedule, p_nominal timestamptz, p_key text, p_behind bigint
) returns bigint language plpgsql set jit = off set enable_seqscan = off as $$
declare
  v pdoflow.posting := pdoflow.posting_of(s.entry_point, s.options);
  v_limits record := pdoflow.limits_of(s.poster, pdoflow.owns(s.poster));
begin
  if not pdoflow.may_post(s.poster) then
    raise exception 'the role % may not post any more', s.poster using errcode = 'PF005';
  end if;
  v.id := pdoflow.new_posting_id();
  insert into pdoflow.posting_key (poster, poster_os, key, posting_id)
  values (s.poster, s.poster_os, p_key, v.id) on conflict do nothing;
  if not found then
    return (select posting_id from pdoflow.posting_key
            where poster = s.poster and poster_os = s.poster_os and key = p_key);
  end if;
  v.job_count := pdoflow.write_jobs(v.id, 0, s.jobs, null, v_limits.max_argument_bytes);
  perform pdoflow.take_room(v_limits.max_open, s.poster);
  v.name := coalesce(v.name, s.name);
  v.schedule := s.name;
  v.scheduled_at := p_nominal;
  v.max_result_bytes := v_limits.max_result_bytes;
  v.max_output_bytes := v_limits.max_output_bytes;
  v.priority := coalesce(pdoflow.whole_option(
    'priority', s.options -> 'priority', -2147483648, 2147483647), 0);
  v.is_sorted := false;
  v.route_id := pdoflow.find_route(s.poster_os, coalesce(s.options -> 'needs', '[]'), '',
                                   pdoflow.project_option(s.options), s.poster);
  perform from pdoflow.posting where id = p_behind for key share; -- W3
  v.waits := found;
  if v.waits then
    insert into pdoflow.edge (posting_id, upstream_id, kind) values (v.id, p_behind, 'any');
  end if;
  insert into pdoflow.posting select v.*;
  insert into pdoflow.lane (posting_id, priority, first_seq, end_seq, route_id, state)
  values (v.id, v.priority, 0, v.job_count, v.route_id,
          case when v.waits then 'paused' else 'open' end::pdoflow.lane_state);
  perform pdoflow.wake(v.id, v.job_count = 1);
  return v.id;
end $$;

-- Fires a schedule, whose row is locked, for one time; returns the posting, null if there is none.
-- Whatever happens is noted.
create function pdoflow.fire_schedule(s pdoflow.schedule, p_nominal timestamptz, p_by_hand boolean)
returns bigint language plpgsql set jit = off set enable_seqscan = off as $$
declare
  v_before pdoflow.posting;
  v_posting bigint;
begin
  if exists (select from pdoflow.fire where schedule_id = s.id and nominal_at = p_nominal) then
    return null; -- H2
  end if;
  select * into v_before from pdoflow.posting where id = s.posting_id and ended_at is null;
  if found and s.overlap = 'skip' and not p_by_hand then
    perform pdoflow.note_fire(s, p_nominal, 'skipped',
                              format('posting %s has not ended', v_before.id), null, false);
    return null;
  elsif found and s.overlap = 'queue' then
    if v_before.waits then
      perform pdoflow.note_fire(s, p_nominal, 'skipped',
                                format('posting %s still waits', v_before.id), null, p_by_hand);
      return null;
    end if;
  end if;
  begin
    v_posting := pdoflow.post_schedule(
      s, p_nominal, format('schedule/%s/%s', s.id,
                to_char(p_nominal at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')),
      case when s.overlap = 'queue' then v_before.id end);
  exception
    when deadlock_detected or serialization_failure then raise;
    when others then -- of the limits of the poster, for example: the next time tries again
      perform pdoflow.note_fire(s, p_nominal, 'refused', sqlerrm, null, p_by_hand);
      return null;
  end;
  perform pdoflow.note_fire(s, p_nominal, 'posted', null, v_posting, p_by_hand);
  update pdoflow.schedule set posting_id = v_posting where id = s.id;
  if v_before.id < v_posting and s.overlap = 'cancel' then
    perform pdoflow.cancel_postings(array[v_before.id], true,
                                    format('replaced by posting %s of its schedule', v_posting));
  end if;
  return v_posting;
end $$;

-- What to do with a schedule that is due (its policy for missed times): the time to fire now, null
-- for none, and the time after which the next one comes.
create function pdoflow.due_time(
  s pdoflow.schedule, out fire_at timestamptz, out last_at timestamptz
) language plpgsql stable as $$
begin
  last_at := pdoflow.last_time(s, s.nominal_at, now());
  fire_at := case
    when s.missed = 'all' then s.nominal_at
    when s.missed = 'last' and last_at > now() - interval '24 h' then last_at
    when s.missed = 'none' and pdoflow.with_jitter(s, last_at) > now() - interval '1 min'
      then last_at end;
  last_at := coalesce(fire_at, last_at);
end $$;

-- Fires one time of a schedule that is due; returns whether there was one. Only one in a
-- transaction: firing takes the locks of posting, in their order. Skips locked schedules: another
-- pool fires these. A schedule whose times cannot be computed any more is paused, so that it stops
-- no pool.
create function pdoflow.fire_due(p_posters text[] default null) returns boolean
language plpgsql set jit = off set enable_seqscan = off as $$
declare
  s pdoflow.schedule;
  v record;
begin
  select * into s from pdoflow.schedule
  where fires_at <= now() and not is_paused and (p_posters is null or poster = any (p_posters))
  order by fires_at limit 1 for no key update skip locked;
  if not found then return false; end if;
  begin
    v := pdoflow.due_time(s);
    if v.fire_at is distinct from s.nominal_at then
      perform pdoflow.note_fire(
        s, s.nominal_at, 'missed', 'no pool fired it in time'
          || case when v.last_at > s.nominal_at
                  then format(', nor others before %s', v.last_at) else '' end, null, false);
    end if;
    if v.fire_at is not null then perform pdoflow.fire_schedule(s, v.fire_at, false); end if;
    perform pdoflow.advance_schedule(s, v.last_at);
  exception
    when deadlock_detected or serialization_failure then raise; -- the pool tries again
    when others then
      update pdoflow.schedule set is_paused = true where id = s.id;
      perform pdoflow.note_fire(s, s.nominal_at, 'refused', sqlerrm, null, false);
  end;
  return true;
end $$;

-- The time in ms until a schedule is due; null if none is.
create function pdoflow.next_fire_ms(p_posters text[]) returns double precision
language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  return (select extract(epoch from fires_at - now()) * 1000 from pdoflow.schedule
          where not is_paused and fires_at is not null
            and (p_posters is null or poster = any (p_posters))
          order by fires_at limit 1);
end $$;
