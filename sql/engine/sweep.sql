-- Sweeps: all combinations of some values, as the arguments of jobs that are never stored (J6).
--
-- {"axes": [{"first": 1, "last": 1000000}, {"name": "model", "values": ["a", "b"]}]} describes
-- [1,{"model":"a"}], [1,{"model":"b"}], [2,{"model":"a"}] and so on: the last axis changes fastest.
-- An axis without a name is an argument, one with a name is a field of the object that comes last.
-- An axis consists of a list of values, of a range, or of several of both, its parts:
-- {"parts": [{"first": 1, "last": 3}, {"values": [9]}]}. A range may have a step, and a width: then
-- its numbers are texts, padded with zeros.

-- The parts of an axis, in order: the number of the first value of each, and how many it has.
create function pdoflow.sweep_parts(p_axis json) returns table (
  start bigint, size bigint, first numeric, step numeric, width integer, list text[]
) language sql immutable rows 1 as $$
  select (sum(size) over (order by position) - size)::bigint, size, first, step, width, list
  from (
    select position, first, step, width, list,
           case when list is null then div(last - first, step) + 1
                else cardinality(list) end::bigint as size
    from json_array_elements(coalesce(p_axis -> 'parts', ('[' || p_axis || ']')::json))
        with ordinality as p (part, position)
      cross join lateral (
        select (part ->> 'first')::numeric as first, (part ->> 'last')::numeric as last,
               coalesce((part ->> 'step')::numeric, 1) as step,
               (part ->> 'width')::integer as width,
               case when part -> 'values' is not null then array(
                 select value::text from json_array_elements(part -> 'values')
                   with ordinality as v (value, position) order by position) end as list) r) sized
$$;

-- The value of a range as JSON: exact, without zeros at the end.
create function pdoflow.sweep_number(p_value numeric, p_width integer) returns text
language sql immutable return
  case when p_width is null then trim_scale(p_value)::text
       else '"' || repeat('0', p_width - length(trim_scale(p_value)::text))
                || trim_scale(p_value)::text || '"' end;

-- The lines of a sweep from number p_from to before p_to, counted from 0.
create function pdoflow.sweep_lines(p_sweep json, p_from integer, p_to integer) returns text
language plpgsql immutable set jit = off as $$
declare
  v_axes json[];
  v_sizes bigint[];
  v_strides bigint[];
  v_stride bigint := 1;
  v_axis record;
  v_texts text[] := array_fill(''::text, array[p_to - p_from]);
  v_literal text := '';
  v_value text;
  v_has_list boolean := false;
  v_has_fields boolean := false;
begin
  select array_agg(axis order by position), array_agg(size order by position)
  into v_axes, v_sizes
  from json_array_elements(p_sweep -> 'axes') with ordinality as a (axis, position)
    cross join lateral (select sum(size)::bigint as size from pdoflow.sweep_parts(axis)) s;
  for i in reverse cardinality(v_axes)..1 loop
    v_strides[i] := v_stride;
    v_stride := v_stride * v_sizes[i];
  end loop;
  for v_axis in
    select axis, size, stride, (axis -> 'name')::text as name
    from unnest(v_axes, v_sizes, v_strides) with ordinality as a (axis, size, stride, position)
    order by axis -> 'name' is not null, position
  loop
    if v_axis.name is null then
      v_literal := v_literal || case when v_has_list then ',' else '[' end;
      v_has_list := true;
    else
      v_literal := v_literal || case when v_has_fields then ',' when v_has_list then ',{'
                                     else '{' end || v_axis.name || ':';
      v_has_fields := true;
    end if;
    if p_from / v_axis.stride = (p_to - 1) / v_axis.stride then -- the same value for all
      select coalesce(p.list[number - p.start + 1],
                      pdoflow.sweep_number(p.first + p.step * (number - p.start), p.width))
      into v_value
      from (select p_from / v_axis.stride % v_axis.size as number) n
        join pdoflow.sweep_parts(v_axis.axis) p
          on number >= p.start and number < p.start + p.size;
      v_literal := v_literal || v_value;
    else
      select array_agg(text || v_literal || coalesce(
               p.list[number - p.start + 1],
               pdoflow.sweep_number(p.first + p.step * (number - p.start), p.width))
               order by position)
      into v_texts
      from (select text, position,
                   (p_from + position - 1) / v_axis.stride % v_axis.size as number
            from unnest(v_texts) with ordinality as t (text, position)) n
        join pdoflow.sweep_parts(v_axis.axis) p
          on number >= p.start and number < p.start + p.size;
      v_literal := '';
    end if;
  end loop;
  v_literal := v_literal || case when v_has_fields then '}' else '' end
                         || case when v_has_list then ']' else '' end;
  return array_to_string(v_texts, v_literal || e'\n') || v_literal;
end $$;

-- What is wrong with a part of an axis; null if it is sound.
create function pdoflow.sweep_part_fault(p_part json) returns text
language plpgsql immutable as $$
declare
  v_numbers text[] := array[p_part ->> 'first', p_part ->> 'last',
                            coalesce(p_part ->> 'step', '1')];
  v_first numeric;
  v_last numeric;
  v_step numeric;
begin
  if json_typeof(p_part) <> 'object' then
    return format('expected an object with values, or with first and last, found %s', p_part);
  elsif p_part -> 'values' is not null then
    return case
      when json_typeof(p_part -> 'values') <> 'array' or json_array_length(p_part -> 'values') = 0
        then format('expected values to be a list of at least one, found %s', p_part -> 'values')
      when coalesce(p_part -> 'first', p_part -> 'last', p_part -> 'step', p_part -> 'width')
           is not null
        then format('expected values, or first and last, found both: %s', p_part) end;
  elsif 'number' <> all (array[json_typeof(p_part -> 'first'), json_typeof(p_part -> 'last')])
        or (p_part -> 'first' is null) or (p_part -> 'last' is null)
        or coalesce(json_typeof(p_part -> 'step'), 'number') <> 'number' then
    return format('expected values, or numbers as first, last and step, found %s', p_part);
  -- Numbers such as 1e100000 would fill the memory.
  elsif exists (select from unnest(v_numbers) as n (number)
                where number !~ '^-?[0-9]{1,40}([.][0-9]{1,40})?$') then
    return format('expected numbers of up to 40 digits before and after the point, found %s',
                  p_part);
  elsif coalesce(p_part ->> 'width', '1') !~ '^[1-9][0-9]?$' then
    return format('expected a width from 1 to 99, found %s', p_part ->> 'width');
  end if;
  v_first := v_numbers[1];
  v_last := v_numbers[2];
  v_step := v_numbers[3];
  if v_step = 0 or (v_last - v_first) * v_step < 0 then
    return format('expected a step that leads from %s to %s, found %s', v_first, v_last, v_step);
  end if;
  return null;
end $$;

-- What is wrong with a sweep; null if it is sound.
create function pdoflow.sweep_fault(p_sweep json) returns text language plpgsql immutable as $$
declare
  v_axis json;
  v_part json;
  v_fault text;
begin
  if json_typeof(p_sweep -> 'axes') is distinct from 'array'
     or json_array_length(p_sweep -> 'axes') = 0
     or exists (select from json_object_keys(p_sweep) as k (key) where key <> 'axes') then
    return 'expected an object with a list of axes';
  end if;
  for v_axis in select * from json_array_elements(p_sweep -> 'axes') loop
    if json_typeof(v_axis) <> 'object' then
      return format('expected an axis with values, or with first and last, found %s', v_axis);
    elsif coalesce(json_typeof(v_axis -> 'name'), 'string') <> 'string' then
      return format('expected a text as name, found %s', v_axis -> 'name');
    end if;
    select format('expected name, values, first, last, step, width or parts, found "%s"', key)
    into v_fault from json_object_keys(v_axis) as k (key)
    where key not in ('name', 'values', 'first', 'last', 'step', 'width', 'parts') limit 1;
    if found then return v_fault; end if;
    if v_axis -> 'parts' is not null and (
         json_typeof(v_axis -> 'parts') <> 'array' or json_array_length(v_axis -> 'parts') = 0
         or coalesce(v_axis -> 'values', v_axis -> 'first', v_axis -> 'last') is not null) then
      return format('expected a list of parts and nothing else, found %s', v_axis);
    end if;
    for v_part in
      select * from json_array_elements(coalesce(v_axis -> 'parts', json_build_array(v_axis)))
    loop
      v_fault := pdoflow.sweep_part_fault(v_part);
      if v_fault is not null then return v_fault; end if;
    end loop;
  end loop;
  select format('expected each name once, found "%s" several times', name) into v_fault
  from json_array_elements(p_sweep -> 'axes') as a (axis)
    cross join lateral (select axis ->> 'name' as name) n
  where name is not null group by name having count(*) > 1 limit 1;
  return v_fault;
end $$;

-- How many jobs a sound sweep has, and the bytes that no line exceeds.
create function pdoflow.measure_sweep(p_sweep json, out jobs numeric, out line_bytes numeric)
language plpgsql immutable as $$
declare
  v_axis record;
begin
  jobs := 1;
  line_bytes := 4;
  for v_axis in
    select coalesce(octet_length((axis -> 'name')::text), 0) as name_bytes, p.*
    from json_array_elements(p_sweep -> 'axes') as a (axis)
      cross join lateral (
        select sum(size) as size,
               max(case when list is not null
                     then (select max(octet_length(value)) from unnest(list) as v (value))
                   else 2 + greatest(
                     width, length(round(first, digits)::text),
                     length(round(first + step * (size - 1), digits)::text)) end) as bytes
        from pdoflow.sweep_parts(axis)
          cross join lateral (select greatest(scale(first), scale(step)) as digits) d) p
  loop
    jobs := jobs * v_axis.size;
    line_bytes := line_bytes + v_axis.name_bytes + v_axis.bytes + 2;
  end loop;
end $$;

-- Writes the jobs of a sweep; returns how many.
create function pdoflow.write_sweep(
  p_posting bigint, p_first integer, p_sweep text, p_max_bytes integer
) returns integer language plpgsql as $$
declare
  v_fault text;
  v_size record;
begin
  if octet_length(p_sweep) > 65536 then
    raise exception 'expected a sweep of up to 65536 bytes, found %: post its jobs as lists',
      octet_length(p_sweep) using errcode = 'PF002';
  end if;
  v_fault := case when strpos(p_sweep, e'\n') > 0 or strpos(p_sweep, e'\r') > 0
                    then 'expected it on one line'
                  else pdoflow.sweep_fault(p_sweep::json) end;
  if v_fault is not null then
    raise exception 'sweep: %', v_fault using errcode = 'PF002';
  end if;
  select * into v_size from pdoflow.measure_sweep(p_sweep::json);
  if p_first + v_size.jobs > 2147483647 then
    raise exception 'expected at most 2147483647 jobs, the limit of a posting, found %',
      p_first + v_size.jobs using errcode = 'PF002';
  elsif v_size.line_bytes > p_max_bytes then
    raise exception 'the arguments of a job may have % bytes, more than %, the limit of the role '
      '%: keep large data in files, and post their names',
      v_size.line_bytes, p_max_bytes, pdoflow.caller() using errcode = 'PF001';
  elsif v_size.line_bytes > 65536 then
    raise exception 'expected up to 65536 bytes of arguments in each job of a sweep, found %: '
      'post its jobs as lists', v_size.line_bytes using errcode = 'PF002';
  end if;
  insert into pdoflow.job (posting_id, first_seq, end_seq, sweep, line_bytes)
  values (p_posting, p_first, p_first + v_size.jobs, p_sweep::json, v_size.line_bytes);
  return v_size.jobs;
end $$;
