-- Schedules (H1): when they fire.

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

-- The number of times of a schedule from one of them to another. Of a cron expression, whose times
-- are found one by one, at most 101: more than 100.
create function pdoflow.count_times(s pdoflow.schedule, p_first timestamptz, p_last timestamptz)
returns integer language plpgsql stable as $$
declare
  v_ms bigint := pdoflow.interval_of(s.timing);
  v_cron pdoflow.cron;
  v_count integer := 1;
  v_at timestamptz := p_first;
begin
  if v_ms is not null then
    return round(extract(epoch from p_last - p_first) * 1000 / v_ms) + 1;
  end if;
  v_cron := pdoflow.parse_cron(s.timing);
  while v_at < p_last and v_count <= 100 loop
    v_at := pdoflow.next_cron(v_cron, s.zone, v_at);
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;

-- The first of the last p_count times of a schedule up to p_last, which is one; p_first, if there
-- are fewer from there on. Looks back day by day. Times of a cron expression are at least a minute
-- apart.
create function pdoflow.nth_last_time(
  s pdoflow.schedule, p_first timestamptz, p_last timestamptz, p_count integer
) returns timestamptz language plpgsql stable as $$
declare
  v_ms bigint := pdoflow.interval_of(s.timing);
  v_cron pdoflow.cron;
  v_day date := (p_last at time zone s.zone)::date;
  v_times timestamptz[] := '{}';
  v_is_enough boolean := false;
begin
  if v_ms is not null then
    return greatest(p_first, p_last - (p_count - 1) * v_ms * interval '1 ms');
  elsif p_last - p_first < p_count * interval '1 min' then
    return p_first;
  end if;
  v_cron := pdoflow.parse_cron(s.timing);
  while v_day >= (p_first at time zone s.zone)::date - 1 loop
    if extract(month from v_day) = any (v_cron.months) and pdoflow.cron_has_day(v_cron, v_day) then
      v_times := v_times || array(
        select m.at from unnest(v_cron.hours) as h (hour)
          cross join unnest(v_cron.minutes) as n (minute)
          cross join lateral pdoflow.moments_of(
            v_day + make_time(h.hour, n.minute, 0), s.zone, v_cron.is_fixed) as m (at)
        where m.at between p_first and p_last);
    end if;
    exit when v_is_enough; -- one more day, because a skipped time may be on the next one
    v_is_enough := cardinality(v_times) >= p_count;
    v_day := v_day - 1;
  end loop;
  return coalesce((
    select at from unnest(v_times) as t (at) group by at order by at desc
    offset p_count - 1 limit 1), p_first);
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

-- What to do with a schedule that is due (its policy for missed times): the time to fire now, null
-- for none, and the time after which the next one comes. Of "all", the last 100 are made up for. A
-- prune is never out of date, and a queue may be without a pool for days: its last time is made up
-- for, however long ago it was.
create function pdoflow.due_time(
  s pdoflow.schedule, out fire_at timestamptz, out last_at timestamptz
) language plpgsql stable as $$
begin
  last_at := pdoflow.last_time(s, s.nominal_at, now());
  if last_at > s.nominal_at and pdoflow.with_jitter(s, last_at) > now() then
    last_at := pdoflow.last_time(s, s.nominal_at, last_at - interval '1 us'); -- not due yet
  end if;
  fire_at := case
    when s.missed = 'all' then pdoflow.nth_last_time(s, s.nominal_at, last_at, 100)
    when s.missed = 'last' and (last_at > now() - interval '24 h' or pdoflow.prunes(s))
      then last_at
    when s.missed = 'none' and pdoflow.with_jitter(s, last_at) > now() - interval '1 min'
      then last_at end;
  last_at := coalesce(fire_at, last_at);
end $$;

-- Whether a schedule prunes (H4).
create function pdoflow.prunes(s pdoflow.schedule) returns boolean language sql immutable return
  s.entry_point is null and s.flow_name is null;

-- The time in ms until a schedule posts; null if none will. "Between" leaves the planner no other
-- index than that of posters: with an equation it may read the due schedules of all posters.
create function pdoflow.next_fire_ms(p_posters text[]) returns double precision
language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  if p_posters is null then
    return (select extract(epoch from min(fires_at) - now()) * 1000 from pdoflow.schedule s
            where not is_paused and fires_at is not null and not pdoflow.prunes(s));
  end if;
  return (
    select extract(epoch from min(first.fires_at) - now()) * 1000
    from unnest(p_posters) as u (poster), lateral (
      select s.fires_at from pdoflow.schedule s
      where s.poster between u.poster and u.poster and not s.is_paused and s.fires_at is not null
        and not pdoflow.prunes(s)
      order by s.poster, s.fires_at limit 1) first);
end $$;
