-- The times of schedules: cron expressions and intervals, evaluated with the time zones of the
-- server (docs/schedules.md).

-- A cron expression. Lists are sorted and have each number once.
--   days        of the month; last_day: also the last one
--   weekdays    0 (Sunday) to 6; nth_weekdays: 10 * weekday + N for the Nth of the month, with
--               N = 9 for the last one
--   has_days, has_weekdays  the field is not "*"
--   needs_both  a day must match both; otherwise either suffices, if both are given
--   is_fixed    minutes and hours have neither * nor a step: each time of day is one fire, whatever
--               the clock does. Otherwise the expression is about real minutes: none for a time
--               that is skipped, two for a time that comes twice.
create type pdoflow.cron as (
  minutes integer[], hours integer[], days integer[], last_day boolean, months integer[],
  weekdays integer[], nth_weekdays integer[], has_days boolean, has_weekdays boolean,
  needs_both boolean, is_fixed boolean);

-- Raises an error for a wrong part of a cron expression.
create function pdoflow.refuse_cron(p_expected text, p_found text) returns void
language plpgsql as $$
begin
  raise exception 'cron expression: expected %, found "%"', p_expected, left(p_found, 100)
    using errcode = 'PF002';
end $$;

-- The number of a word in a field: digits, or one of p_names, which stand for p_min and so on.
create function pdoflow.cron_number(p_word text, p_names text[], p_min integer, p_max integer,
                                    p_what text)
returns integer language plpgsql as $$
declare
  v_number integer := array_position(p_names, lower(p_word)) - 1 + p_min;
begin
  if v_number is null and p_word ~ '^[0-9]{1,2}$' then v_number := p_word::integer; end if;
  if v_number is null or v_number not between p_min and p_max then
    perform pdoflow.refuse_cron(format('%s from %s to %s', p_what, p_min, p_max)
      || case when p_names is not null then format(' or %s', array_to_string(p_names, ', '))
              else '' end, p_word);
  end if;
  return v_number;
end $$;

-- The numbers of a field: *, 5, 1-5, */15, 1-30/5 and lists of these.
create function pdoflow.cron_field(p_field text, p_names text[], p_min integer, p_max integer,
                                   p_what text)
returns integer[] language plpgsql as $$
declare
  v_part text;
  v_match text[];
  v_from integer;
  v_to integer;
  v_step integer;
  v_numbers integer[] := '{}';
begin
  foreach v_part in array string_to_array(p_field, ',') loop
    v_match := regexp_match(v_part, '^([*]|[0-9A-Za-z]+)(?:-([0-9A-Za-z]+))?(?:/([0-9]+))?$');
    if v_match is null or v_match[1] = '*' and v_match[2] is not null then
      perform pdoflow.refuse_cron(
        format('%s such as %s, %s-%s, */2 or a list', p_what, p_min, p_min, p_max), v_part);
    end if;
    v_step := coalesce(v_match[3]::integer, 1);
    if v_match[1] = '*' then
      v_from := p_min;
      v_to := p_max;
    else
      v_from := pdoflow.cron_number(v_match[1], p_names, p_min, p_max, p_what);
      v_to := case when v_match[2] is not null
                   then pdoflow.cron_number(v_match[2], p_names, p_min, p_max, p_what)
                   when v_match[3] is not null then p_max else v_from end;
    end if;
    if v_from > v_to then
      perform pdoflow.refuse_cron('the smaller number first', v_part);
    elsif v_step not between 1 and p_max - p_min + 1 then
      perform pdoflow.refuse_cron(format('a step from 1 to %s', p_max - p_min + 1), v_part);
    end if;
    v_numbers := v_numbers || array(select generate_series(v_from, v_to, v_step));
  end loop;
  return array(select distinct n from unnest(v_numbers) as u (n) order by n);
end $$;

-- A cron expression of five fields, or one of @hourly, @daily and so on.
create function pdoflow.parse_cron(p_text text) returns pdoflow.cron language plpgsql as $$
declare
  v pdoflow.cron;
  v_fields text[];
  v_part text;
  v_rest text[] := '{}';
  v_match text[];
  v_month_names constant text[] := array[
    'jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
  v_day_names constant text[] := array['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
begin
  v_fields := regexp_split_to_array(trim(case lower(trim(p_text))
    when '@yearly' then '0 0 1 1 *' when '@annually' then '0 0 1 1 *'
    when '@monthly' then '0 0 1 * *' when '@weekly' then '0 0 * * 0'
    when '@daily' then '0 0 * * *' when '@midnight' then '0 0 * * *'
    when '@hourly' then '0 * * * *' else p_text end), '[[:space:]]+');
  if cardinality(v_fields) is distinct from 5 then
    perform pdoflow.refuse_cron('five fields: minute, hour, day, month and weekday, or one of '
      '@hourly, @daily, @weekly, @monthly and @yearly', coalesce(p_text, ''));
  end if;
  v.minutes := pdoflow.cron_field(v_fields[1], null, 0, 59, 'minutes');
  v.hours := pdoflow.cron_field(v_fields[2], null, 0, 23, 'hours');
  v.is_fixed := v_fields[1] || v_fields[2] !~ '[*/]';
  v.months := pdoflow.cron_field(v_fields[4], v_month_names, 1, 12, 'months');

  v.has_days := v_fields[3] <> '*';
  v.last_day := 'L' = any (string_to_array(upper(v_fields[3]), ','));
  v_rest := array_remove(string_to_array(upper(v_fields[3]), ','), 'L');
  v.days := case when cardinality(v_rest) > 0 then pdoflow.cron_field(
    array_to_string(v_rest, ','), null, 1, 31, 'days of the month') else '{}' end;

  v.needs_both := v_fields[5] like '+%';
  v_fields[5] := ltrim(v_fields[5], '+');
  v.has_weekdays := v_fields[5] <> '*';
  v_rest := '{}';
  v.nth_weekdays := '{}';
  foreach v_part in array string_to_array(v_fields[5], ',') loop
    v_match := coalesce(regexp_match(v_part, '^([0-9A-Za-z]+)#([1-5]|[lL])$'),
                        regexp_match(v_part, '^([0-7])([lL])$'));
    if v_match is null then
      v_rest := v_rest || v_part;
    else
      v.nth_weekdays := v.nth_weekdays || (
        10 * (pdoflow.cron_number(v_match[1], v_day_names, 0, 7, 'a weekday') % 7)
        + case upper(v_match[2]) when 'L' then 9 else v_match[2]::integer end);
    end if;
  end loop;
  v.weekdays := case when cardinality(v_rest) > 0 then array(
    select distinct n % 7 from unnest(pdoflow.cron_field(
      array_to_string(v_rest, ','), v_day_names, 0, 7, 'weekdays')) as u (n) order by 1)
    else '{}' end;
  return v;
end $$;

-- Whether a cron expression has fires on a day.
create function pdoflow.cron_has_day(v pdoflow.cron, p_day date) returns boolean
language plpgsql immutable as $$
declare
  v_weekday integer := extract(dow from p_day);
  v_is_last boolean := extract(month from p_day + 7) <> extract(month from p_day);
  v_in_days boolean;
  v_in_weekdays boolean;
begin
  if extract(month from p_day) <> all (v.months) then return false; end if;
  v_in_days := extract(day from p_day) = any (v.days)
    or v.last_day and extract(month from p_day + 1) <> extract(month from p_day);
  v_in_weekdays := v_weekday = any (v.weekdays)
    or 10 * v_weekday + (extract(day from p_day)::integer + 6) / 7 = any (v.nth_weekdays)
    or v_is_last and 10 * v_weekday + 9 = any (v.nth_weekdays);
  return case when v.has_days and v.has_weekdays and not v.needs_both
              then v_in_days or v_in_weekdays
              else v_in_days and v_in_weekdays end;
end $$;

-- The moments of a time of day in a zone: usually one. PostgreSQL takes the second of two, and
-- moves a skipped time on by the gap. If p_is_fixed, the first of two, and the first moment after
-- the gap; otherwise both, and none.
create function pdoflow.moments_of(p_local timestamp, p_zone text, p_is_fixed boolean)
returns setof timestamptz language plpgsql stable as $$
declare
  v_moment timestamptz := p_local at time zone p_zone;
  v_before timestamptz := v_moment - interval '26 h';
  v_first timestamptz;
  v_low timestamptz;
  v_middle timestamptz;
begin
  -- The moment, if the offset of the day before still applied.
  v_first := v_moment + (p_local - (
    (v_before at time zone p_zone) + (v_moment - v_before)));
  if v_moment at time zone p_zone = p_local then
    if v_first < v_moment and v_first at time zone p_zone = p_local then
      return next v_first;
      if p_is_fixed then return; end if;
    end if;
    return next v_moment;
  elsif p_is_fixed then
    -- A skipped time: the change of the clock itself, found to the second.
    v_low := v_moment - interval '26 h';
    while v_moment - v_low > interval '1 s' loop
      v_middle := to_timestamp(floor(extract(epoch from v_low + (v_moment - v_low) / 2)));
      if v_middle at time zone p_zone > p_local then v_moment := v_middle;
      else v_low := v_middle; end if;
    end loop;
    return next v_moment;
  end if;
end $$;

-- The next fire of a cron expression after a moment; null if there is none within 40 years: the
-- calendar repeats after 28, or 40 if they include 2100.
create function pdoflow.next_cron(v pdoflow.cron, p_zone text, p_after timestamptz)
returns timestamptz language plpgsql stable as $$
declare
  v_local timestamp := p_after at time zone p_zone;
  v_day date := v_local::date - 1; -- with a skipped time, the fire may be on the next day
  v_end date := v_local::date + 15000;
  v_next timestamptz;
  v_hours int4range;
begin
  while v_day < v_end loop
    if extract(month from v_day) <> all (v.months) then
      v_day := (date_trunc('month', v_day) + interval '1 month')::date;
      continue;
    end if;
    if pdoflow.cron_has_day(v, v_day) then
      -- Near the moment itself first: a whole day has up to 1,440 times.
      foreach v_hours in array case when v_day = v_local::date then array[
          int4range(extract(hour from v_local)::integer - 3,
                    extract(hour from v_local)::integer + 3), '[0,24)'::int4range]
        else array['[0,24)'::int4range] end
      loop
        select min(m.at) into v_next
        from unnest(v.hours) as h (hour) cross join unnest(v.minutes) as n (minute)
          cross join lateral pdoflow.moments_of(
            v_day + make_time(h.hour, n.minute, 0), p_zone, v.is_fixed) as m (at)
        where h.hour <@ v_hours and m.at > p_after;
        if v_next is not null then return v_next; end if;
      end loop;
    end if;
    v_day := v_day + 1;
  end loop;
  return null;
end $$;
