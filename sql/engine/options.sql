-- The options of a posting (docs/sql.md): each is checked here, whatever program posts.

-- Raises an error for an option with a wrong value.
create function pdoflow.refuse_option(p_key text, p_expected text, p_found jsonb)
returns void language plpgsql as $$
begin
  raise exception 'option %: expected %, found %', p_key, p_expected, left(p_found::text, 1000)
    using errcode = 'PF002';
end $$;

-- An option that is a whole number, or null if p_key can be null.
create function pdoflow.whole_option(p_key text, p_value jsonb, p_min bigint, p_max bigint)
returns bigint language plpgsql as $$
begin
  if p_value = 'null' then return null; end if;
  if jsonb_typeof(p_value) <> 'number' or p_value::numeric % 1 <> 0
     or p_value::numeric not between p_min and p_max then
    perform pdoflow.refuse_option(
      p_key, format('a whole number from %s to %s', p_min, p_max), p_value);
  end if;
  return p_value::numeric::bigint;
end $$;

-- An option that is true or false.
create function pdoflow.switch_option(p_key text, p_value jsonb) returns boolean
language plpgsql as $$
begin
  if jsonb_typeof(p_value) <> 'boolean' then
    perform pdoflow.refuse_option(p_key, 'true or false', p_value);
  end if;
  return p_value::boolean;
end $$;

-- An option that is a text for which p_is_right is true, or null if p_key can be null.
create function pdoflow.text_option(
  p_key text, p_value jsonb, p_is_right boolean, p_expected text
) returns text language plpgsql as $$
begin
  if p_value = 'null' then return null; end if;
  if jsonb_typeof(p_value) <> 'string' or not p_is_right then
    perform pdoflow.refuse_option(p_key, p_expected, p_value);
  end if;
  return p_value #>> '{}';
end $$;

-- Names of postings: from ASCII only letters, digits and _.:+-, no digit or sign first. Not
-- [[:alpha:]], which differs between databases.
create function pdoflow.name_pattern() returns text language sql immutable return
  e'^[^\\x01-\\x40\\x5b-\\x5e\\x60\\x7b-\\x7f]'
  || e'[^\\x01-\\x2a\\x2c\\x2f\\x3b-\\x40\\x5b-\\x5e\\x60\\x7b-\\x7f]{0,99}$';

-- The names of receivers of notifications.
create function pdoflow.receivers_option(p_key text, p_value jsonb) returns text
language sql stable return
  pdoflow.text_option(
    p_key, p_value, p_value #>> '{}' ~ '^[a-z][a-z0-9_-]{0,39}(,[a-z][a-z0-9_-]{0,39}){0,9}$',
    'up to 10 names of receivers with commas between them, such as "slack" or "slack,mail": '
    'each up to 40 of a-z, 0-9, _ and -, a letter first');

-- Ids that are all 0 are none.
create function pdoflow.trace_option(p_key text, p_value jsonb) returns text
language sql stable return
  pdoflow.text_option(
    p_key, p_value, p_value #>> '{}' ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'
      and p_value #>> '{}' !~ '^00-0{32}|^.{36}0{16}',
    'a W3C trace context such as "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"');

create function pdoflow.name_option(p_key text, p_value jsonb) returns text
language sql stable return
  pdoflow.text_option(p_key, p_value, p_value #>> '{}' ~ pdoflow.name_pattern(),
                      'up to 100 letters, digits or _.:+-, a letter first');

-- The name of a flow or a schedule, which cannot be null.
create function pdoflow.require_name(p_name text) returns void language plpgsql as $$
begin
  if p_name is null or p_name !~ pdoflow.name_pattern() then
    perform pdoflow.refuse_option('name', 'up to 100 letters, digits or _.:+-, a letter first',
                                  coalesce(to_jsonb(p_name), 'null'));
  end if;
end $$;

-- "10/s" as a number and the time in ms.
create function pdoflow.rate_option(p_value jsonb, out rate_count integer, out rate_ms integer)
language plpgsql as $$
declare
  v_text text := p_value #>> '{}';
begin
  v_text := pdoflow.text_option('maxRate', p_value, v_text ~ '^[1-9][0-9]{0,8}/[smh]$',
                                'a rate such as "10/s", "100/m" or "1000/h"');
  if v_text is null then return; end if;
  rate_count := split_part(v_text, '/', 1)::integer;
  rate_ms := case right(v_text, 1) when 's' then 1000 when 'm' then 60000 else 3600000 end;
end $$;

-- A moment in ISO 8601 with its zone.
create function pdoflow.moment_option(p_key text, p_value jsonb) returns timestamptz
language plpgsql as $$
declare
  v_moment timestamptz;
begin
  v_moment := pdoflow.text_option(
    p_key, p_value,
    p_value #>> '{}' ~ ('^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}'
      || '(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})$'),
    'a moment with its zone, such as "2026-01-01T02:00:00Z"');
  return v_moment;
exception when datetime_field_overflow or invalid_datetime_format then
  perform pdoflow.refuse_option(p_key, 'an existing date and time', p_value);
end $$;

-- The same, or a number of milliseconds from now.
create function pdoflow.limit_option(
  p_key text, p_value jsonb, p_most_ms bigint default 31536000000
) returns timestamptz language plpgsql as $$
begin
  if jsonb_typeof(p_value) = 'number' then
    return now() + pdoflow.whole_option(p_key, p_value, 1, p_most_ms) * interval '1 ms';
  end if;
  return pdoflow.moment_option(p_key, p_value);
end $$;

-- Whether a value is a list of needs: [["disk", "has"], ["mem", ">=", 1048576], ["gpu", "=", 1]].
-- With a number, "=" is an amount that a job takes. The names cpus, mem and gpu have no words, and
-- no other spelling: see src/domain/known-resources.ts.
create function pdoflow.is_needs(p_value jsonb) returns boolean language plpgsql immutable as $$
begin
  return case when jsonb_typeof(p_value) <> 'array' then false else not exists (
    select from jsonb_array_elements(p_value) as n (need)
    where case when jsonb_typeof(need) <> 'array' then true else not coalesce(
      jsonb_typeof(need -> 0) = 'string'
      and lower(need ->> 0) not in ('cpu', 'gpus', 'memory')
      and (lower(need ->> 0) not in ('cpus', 'mem', 'gpu')
           or need ->> 0 = lower(need ->> 0)
              and (need ->> 1 <> '=' or jsonb_typeof(need -> 2) = 'number'))
      and (
        need ->> 1 = 'has' and jsonb_array_length(need) = 2
        or need ->> 1 = '=' and jsonb_array_length(need) = 3
           and case jsonb_typeof(need -> 2) when 'string' then true
               when 'number' then (need -> 2)::numeric >= 0.0001 end
        or need ->> 1 = '>=' and jsonb_array_length(need) = 3
           and jsonb_typeof(need -> 2) = 'number'), false) end) end;
end $$;

-- Raises an error for needs that jobs cannot have. Memory below 1 MiB lacks its unit: as
-- isLittleMemory in src/domain/capabilities.ts.
create function pdoflow.require_needs(p_key text, p_value jsonb) returns void
language plpgsql as $$
begin
  if octet_length(p_value::text) > 1000 or pg_column_size(p_value) > 1300
     or not pdoflow.is_needs(p_value) then
    perform pdoflow.refuse_option(
      p_key, 'needs such as [["gpu", "=", 1]], of at most 1000 bytes', p_value);
  elsif exists (
    select from jsonb_array_elements(p_value) as n (need)
    where need ->> 0 = 'mem' and jsonb_typeof(need -> 2) = 'number'
      and (need ->> 2)::numeric < 1048576)
  then
    perform pdoflow.refuse_option(
      p_key, 'an amount of mem in bytes, at least 1048576 (1M)', p_value);
  end if;
end $$;

-- Describes the fault of an entry point; null if it is valid. The rule is that of
-- src/domain/entry-point.ts; in addition, it must be the only way to write the path of its file.
create function pdoflow.entry_point_fault(p_text text) returns text language plpgsql immutable as $$
declare
  v_module text := substring(p_text from '^(.*)#[^#]*$');
  v_export text := substring(p_text from '#([^#]*)$');
  v_path text := regexp_replace(v_module, '^[.]/', '');
  v_is_file boolean := v_path ~ '[^/][.][cm]?[jt]sx?$';
begin
  return case
    when v_module is null then 'has no "#" and name'
    when v_path = '' then 'names no file or package'
    when v_module ~ e'[\\x01-\\x1f\\x7f\\u0080-\\u009f]' then 'has a control character in it'
    when strpos(v_module, chr(92)) > 0 then e'has a "\\": write "/" between folders'
    when v_module ~ '^[A-Za-z][A-Za-z0-9+.-]*:' then 'begins with a URL scheme or a drive'
    when v_module ~ '^/' then 'is absolute: write the path relative to the root'
    when v_path ~ '(^|/)[.][.](/|$)' then 'leads up with "..": write the path from the root'
    when strpos(v_module, '?') > 0 then 'has a "?" in its path, which can''t be imported'
    when v_path ~ '(^|/)[.]?(/|$)' or v_is_file and v_module <> v_path
      then 'is not the only name of its file: leave out "./", "/./" and "//"'
    when not v_is_file and v_module = v_path and v_module !~ '^(@[^@/]+/)?[^@/.#][^@/]*(/.+)?$'
      then 'is neither a file (.ts, .js and so on) nor a package'
    when v_export = '' then 'has no name after "#"'
    -- From ASCII only letters, digits, _ and $, no digit first; see name_pattern.
    when v_export !~ (e'^[^\\x01-\\x23\\x25-\\x40\\x5b-\\x5e\\x60\\x7b-\\x7f\\u0080-\\u009f]'
      || e'[^\\x01-\\x23\\x25-\\x2d\\x2f\\x3a-\\x40\\x5b-\\x5e\\x60\\x7b-\\x7f\\u0080-\\u009f]*$')
      or v_export ~ '[.]([.0-9]|$)' then 'has a name after "#" that no export can have'
    when v_export ~ '[.].*[.]'
      then 'has more than one dot after "#": expected the name of a function, or Class.method'
    when length(p_text) > 2000 then 'has more than 2000 characters'
  end;
end $$;

-- The project of the jobs (R4); empty if any pool can run them.
create function pdoflow.project_option(p_options jsonb) returns text language sql immutable return
  coalesce(nullif(p_options ->> 'project', '*'), '');

-- The row of a posting with one more option; raises an error for a wrong or unknown option.
create function pdoflow.with_option(v pdoflow.posting, p_key text, p_value jsonb)
returns pdoflow.posting language plpgsql as $$
declare
  v_text text := p_value #>> '{}';
  v_year constant bigint := 31536000000;
begin
  if p_value = 'null' and p_key not in ('name', 'key', 'jobKey', 'timeoutMs', 'maxFailures',
    'maxFailuresPercent', 'maxRunning', 'maxRate', 'keepMs', 'runAt', 'project', 'command',
    'deadline', 'startBy', 'gather', 'gatherSize', 'flowId', 'stage', 'onEnd', 'onFailure',
    'traceparent') then
    perform pdoflow.refuse_option(p_key, 'a value', p_value);
  end if;
  case p_key
    when 'maxAttempts' then v.max_attempts := pdoflow.whole_option(p_key, p_value, 1, 1000);
    when 'backoffMs' then v.backoff_ms := pdoflow.whole_option(p_key, p_value, 0, v_year);
    when 'timeoutMs' then v.timeout_ms := pdoflow.whole_option(p_key, p_value, 1, v_year);
    when 'graceMs' then v.grace_ms := pdoflow.whole_option(p_key, p_value, 0, v_year);
    when 'stopAfter' then
      v.stop_after := pdoflow.whole_option(p_key, p_value, 0, 2147483647);
    when 'maxFailures' then
      v.max_failures := pdoflow.whole_option(p_key, p_value, 1, 2147483647);
    when 'maxFailuresPercent' then
      if p_value <> 'null' and (jsonb_typeof(p_value) <> 'number'
                                or p_value::numeric not between 0 and 100) then
        perform pdoflow.refuse_option(p_key, 'a number from 0 to 100', p_value);
      end if;
      v.max_failures_percent := nullif(p_value, 'null')::real;
    when 'maxRunning' then
      v.max_running := pdoflow.whole_option(p_key, p_value, 1, 2147483647);
    when 'maxRate' then
      select r.rate_count, r.rate_ms into v.rate_count, v.rate_ms
      from pdoflow.rate_option(p_value) r;
    when 'keepsResults' then v.keeps_results := pdoflow.switch_option(p_key, p_value);
    when 'keepsOutput' then
      v.keeps_output := pdoflow.text_option(
        p_key, p_value, v_text in ('none', 'failures', 'all'), 'none, failures or all');
    when 'keepMs' then v.keep_ms := pdoflow.whole_option(p_key, p_value, 0, 100 * v_year);
    when 'runAt' then -- null if it has passed: such a posting starts at once
      v.run_at := nullif(greatest(pdoflow.limit_option(p_key, p_value), now()), now());
    when 'after' then perform pdoflow.edges_of(p_value);
    when 'ifBlocked' then
      v.if_blocked := pdoflow.text_option(
        p_key, p_value, v_text in ('hold', 'cancel', 'run'), 'hold, cancel or run');
    when 'deadline' then v.deadline := pdoflow.limit_option(p_key, p_value);
    when 'startBy' then v.start_by := pdoflow.limit_option(p_key, p_value);
    when 'onEnd' then v.on_end := pdoflow.receivers_option(p_key, p_value);
    when 'onFailure' then v.on_failure := pdoflow.receivers_option(p_key, p_value);
    when 'traceparent' then v.traceparent := pdoflow.trace_option(p_key, p_value);
    when 'flowId' then v.flow_id := pdoflow.flow_option(p_value);
    when 'stage' then v.stage := pdoflow.name_option(p_key, p_value);
    when 'name' then v.name := pdoflow.name_option(p_key, p_value);
    when 'key', 'jobKey' then
      perform pdoflow.text_option(
        p_key, p_value, length(v_text) between 1 and 500, '1 to 500 characters');
    when 'command' then
      v.command := pdoflow.text_option(
        p_key, p_value, length(v_text) between 1 and 1000, '1 to 1000 characters');
    when 'osUser', 'run' then
      perform pdoflow.text_option(
        p_key, p_value, octet_length(v_text) <= 100, 'a name of at most 100 bytes');
    when 'project' then
      perform pdoflow.text_option(
        p_key, p_value, octet_length(v_text) <= 1000 and v_text ~ '^[^[:cntrl:]]+$',
        'the name of a project, up to 1000 bytes, "*" for any');
    when 'needs' then perform pdoflow.require_needs(p_key, p_value);
    when 'gather' then
      v.gather := pdoflow.whole_option(p_key, p_value, 1, 9007199254740991);
    when 'gatherSize' then v.gather_size := pdoflow.whole_option(p_key, p_value, 2, 2147483647);
    when 'priority' then null; -- of the jobs: pdoflow.priorities_of
    else
      raise exception 'unknown posting option "%": docs/sql.md lists all options',
        left(p_key, 100) using errcode = 'PF002';
  end case;
  return v;
end $$;

-- Raises an error for options other than p_allowed, and for a list of priorities: for postings that
-- are made later. Their times are given from then on, in milliseconds.
create function pdoflow.require_options(p_options jsonb, p_allowed text[], p_fault text)
returns void language plpgsql as $$
declare
  v_key text;
begin
  if jsonb_typeof(p_options) is distinct from 'object' then
    perform pdoflow.refuse_option('(all)', 'an object', coalesce(p_options, 'null'));
  end if;
  v_key := (select min(key) from jsonb_object_keys(p_options) as k (key)
            where key <> all (p_allowed || array[
              'name', 'priority', 'needs', 'project', 'maxAttempts', 'backoffMs', 'timeoutMs',
              'graceMs', 'stopAfter', 'maxFailures', 'maxFailuresPercent', 'maxRunning', 'maxRate',
              'keepsResults', 'keepsOutput', 'keepMs', 'onEnd', 'onFailure'])
              and not (key in ('deadline', 'startBy')
                       and jsonb_typeof(p_options -> key) = 'number'));
  if v_key in ('deadline', 'startBy') then
    perform pdoflow.refuse_option(v_key, 'a time after posting, such as 6h, in milliseconds',
                                  p_options -> v_key);
  elsif v_key is not null then
    raise exception 'option %: %', v_key, p_fault using errcode = 'PF002';
  elsif jsonb_typeof(p_options -> 'priority') = 'array' then
    perform pdoflow.refuse_option('priority', 'one number', p_options -> 'priority');
  end if;
end $$;

-- The row of a posting with these options, without its id, route and jobs. Missing options have
-- their defaults.
create function pdoflow.posting_of(p_entry_point text, p_options jsonb)
returns pdoflow.posting language plpgsql as $$
declare
  v pdoflow.posting;
  v_key text;
  v_value jsonb;
  v_fault text := pdoflow.entry_point_fault(p_entry_point);
begin
  if v_fault is not null then
    raise exception 'expected path/to/file.ts#name or package/sub#name, found %, which %',
      coalesce(quote_literal(left(p_entry_point, 200)), 'null'), v_fault using errcode = 'PF002';
  end if;
  if jsonb_typeof(p_options) is distinct from 'object' then
    perform pdoflow.refuse_option('(all)', 'an object', coalesce(p_options, 'null'));
  end if;
  v.token := (random() * 2 ^ 52)::bigint;
  v.entry_point := p_entry_point;
  v.state := 'open';
  v.kills_running := true;
  v.max_attempts := 3;
  v.backoff_ms := 1000;
  v.grace_ms := 5000;
  v.stop_after := 20;
  v.keeps_results := true;
  v.keeps_output := 'failures';
  v.posted_at := now();
  v.done := 0;
  v.failed := 0;
  v.cancelled := 0;
  v.waits := false;
  v.if_blocked := 'hold';
  v.gave_up := false;
  v.reopened := 0;
  for v_key, v_value in select * from jsonb_each(p_options) loop
    v := pdoflow.with_option(v, v_key, v_value);
  end loop;
  if (v.flow_id is null) <> (v.stage is null) then
    perform pdoflow.refuse_option('flowId', 'flowId and stage together', p_options);
  end if;
  if coalesce(v.on_end, v.on_failure) is not null then v.notified := -1; end if; -- P18
  return v;
end $$;

-- The priority of each job, if it is a list of that length; null if it is one for all.
create function pdoflow.priorities_of(p_options jsonb, p_jobs integer) returns integer[]
language plpgsql as $$
declare
  v_list jsonb := p_options -> 'priority';
begin
  if jsonb_typeof(v_list) is distinct from 'array' then return null; end if;
  if jsonb_array_length(v_list) <> p_jobs then
    raise exception 'option priority: expected % numbers, one for each job, found %', p_jobs,
      jsonb_array_length(v_list) using errcode = 'PF002';
  end if;
  return array(
    select coalesce(pdoflow.whole_option('priority', value, -2147483648, 2147483647), 0)
    from jsonb_array_elements(v_list) with ordinality as p (value, position) order by position);
end $$;
