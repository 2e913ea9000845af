-- Blocks: writing and reading the arguments of jobs (J1 to J5).

-- Separates blocks in one text; no JSON text contains it. Line feeds separate the jobs of a block.
create function pdoflow.separator() returns text language sql immutable return e'\x1e';

-- The number of jobs in a text with a line for each; raises an error if one is neither a list of
-- arguments nor an object. The first has the index p_first.
create function pdoflow.count_jobs(p_first integer, p_lines text) returns integer
language plpgsql as $$
declare
  v_jobs integer;
  v_are_sound boolean;
  v_wrong record;
begin
  if p_lines <> '' and strpos(p_lines, e'\n') = 0 then -- without a query
    v_jobs := 1;
    v_are_sound := json_typeof(p_lines::json) in ('array', 'object');
  else
    select count(*), bool_and(json_typeof(line::json) in ('array', 'object'))
    into v_jobs, v_are_sound from string_to_table(p_lines, e'\n') as l (line);
  end if;
  if v_are_sound is false then
    select position - 1 as index, json_typeof(line::json) as kind into v_wrong
    from string_to_table(p_lines, e'\n') with ordinality as l (line, position)
    where json_typeof(line::json) not in ('array', 'object') limit 1;
    raise exception 'job %: expected a list of arguments or an object, found a %',
      p_first + v_wrong.index, v_wrong.kind using errcode = 'PF002';
  end if;
  return v_jobs;
end $$;

-- Writes the jobs of a text with a line for each; returns how many. As one block if they fit (J4),
-- else cut into blocks of as many jobs as fit if all are of the mean size.
create function pdoflow.write_block(
  p_posting bigint, p_first integer, p_lines text, p_indexes integer[]
) returns integer language plpgsql as $$
declare
  v_jobs constant integer := pdoflow.count_jobs(p_first, p_lines);
  v_part record;
begin
  if v_jobs <> cardinality(p_indexes) then
    raise exception 'expected an index for each of % jobs, found %', v_jobs, cardinality(p_indexes)
      using errcode = 'PF002';
  end if;
  if v_jobs = 1 or v_jobs between 1 and 1000 and octet_length(p_lines) <= 65536 then
    insert into pdoflow.job (posting_id, first_seq, end_seq, args, indexes)
    values (p_posting, p_first, p_first + v_jobs, p_lines, p_indexes);
  elsif v_jobs > 1 then
    for v_part in
      with size as (
        select greatest(least(1000, 65536::bigint * v_jobs / octet_length(p_lines)), 1) as jobs)
      select string_agg(line, e'\n' order by position) as lines, min(position)::integer as first,
             max(position)::integer as last
      from size, string_to_table(p_lines, e'\n') with ordinality as l (line, position)
      group by (position - 1) / size.jobs order by first
    loop
      perform pdoflow.write_block(p_posting, p_first + v_part.first - 1, v_part.lines,
                                  p_indexes[v_part.first:v_part.last]);
    end loop;
  end if;
  return v_jobs;
end $$;

-- Writes jobs, given as one text (separator), with an index for each or none; returns how many.
create function pdoflow.write_jobs(
  p_posting bigint, p_first integer, p_text text, p_indexes integer[], p_max_bytes integer
) returns integer language plpgsql as $$
declare
  v_position bigint;
  v_lines text;
  v_jobs integer := 0;
begin
  -- The limit of all programs of pdoflow (docs/values.md).
  p_max_bytes := least(p_max_bytes, 64 * 1024 * 1024);
  if octet_length(p_text) > p_max_bytes then
    select position into v_position
    from string_to_table(translate(p_text, pdoflow.separator(), e'\n'), e'\n')
      with ordinality as t (args, position)
    where octet_length(args) > p_max_bytes limit 1;
    if found then
      raise exception 'the arguments of job % have more than % bytes, the limit of the role %: '
        'keep large data in files, and post their names',
        p_first + v_position - 1, p_max_bytes, pdoflow.caller() using errcode = 'PF001';
    end if;
  end if;
  if strpos(p_text, pdoflow.separator()) = 0 then
    v_jobs := pdoflow.write_block(p_posting, p_first, p_text, p_indexes);
  else
    for v_lines in select * from string_to_table(p_text, pdoflow.separator()) loop
      v_jobs := v_jobs + pdoflow.write_block(
        p_posting, p_first + v_jobs, v_lines, case when p_indexes is not null then
          p_indexes[v_jobs + 1:v_jobs + cardinality(string_to_array(v_lines, e'\n'))] end);
    end loop;
  end if;
  if v_jobs <> cardinality(p_indexes) then
    raise exception 'expected an index for each of % jobs, found %', v_jobs, cardinality(p_indexes)
      using errcode = 'PF002';
  end if;
  return v_jobs;
end $$;

-- Writes the order of a sorted posting, whose jobs are all written (J5).
create function pdoflow.write_order(p_posting bigint, p_jobs integer) returns void
language plpgsql set jit = off set enable_seqscan = off as $$
declare
  v_known bigint;
begin
  insert into pdoflow.job_order (posting_id, first_index, seqs)
  select p_posting, index / 1000 * 1000, array_agg(seq order by index)
  from (select b.first_seq + position::integer - 1 as seq, index
        from pdoflow.job b
          cross join lateral unnest(b.indexes) with ordinality as i (index, position)
        where b.posting_id = p_posting) placed
  group by index / 1000
  having min(index) = index / 1000 * 1000
    and max(index) < least(p_jobs, index / 1000 * 1000 + 1000)
    and count(*) = max(index) - min(index) + 1 and count(distinct index) = count(*);
  select sum(cardinality(seqs)) into v_known from pdoflow.job_order where posting_id = p_posting;
  if v_known is distinct from p_jobs then
    raise exception 'expected the indexes from 0 to %, each once', p_jobs - 1
      using errcode = 'PF002';
  end if;
end $$;

-- The lines of a block from p_from to before p_to, as far as they are in it: stored, or computed
-- (J6, J7).
create function pdoflow.lines_of(
  p_args text, p_sweep json, p_first integer, p_end integer, p_from integer, p_to integer
) returns text language sql stable return
  case when p_args is null and p_sweep ->> 'over' is not null then pdoflow.over_lines(
         (p_sweep ->> 'posting')::bigint, greatest(p_from, p_first), least(p_to, p_end))
       when p_args is null then pdoflow.sweep_lines(
         p_sweep, greatest(p_from - p_first, 0), least(p_to, p_end) - p_first)
       when p_from <= p_first and p_to >= p_end then p_args
       else array_to_string((string_to_array(p_args, e'\n'))
              [greatest(p_from - p_first, 0) + 1:p_to - p_first], e'\n') end;

-- The maximum size of the arguments of a block in bytes (J4), computed from the stored size:
-- counting them would require to decompress them. The two compressions make texts at most 88 and
-- 255 times as small.
create function pdoflow.max_bytes_of(p_args text, p_jobs integer) returns bigint
language sql stable return
  least(case when p_jobs > 1 then 65536 end, pg_column_size(p_args)::bigint
    * case pg_column_compression(p_args) when 'pglz' then 88 when 'lz4' then 255 else 1 end);

-- The first seq of the block of a job (J1).
create function pdoflow.block_of(p_posting bigint, p_seq integer) returns integer
language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  return (select first_seq from pdoflow.job
          where posting_id = p_posting and first_seq <= p_seq order by first_seq desc limit 1);
end $$;

-- The index of a job of a sorted posting (J2); null if it does not exist. In other postings, the
-- index is the seq.
create function pdoflow.index_of(p_posting bigint, p_seq integer) returns integer
language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  return (select b.indexes[p_seq - b.first_seq + 1] from pdoflow.job b
          where b.posting_id = p_posting and b.first_seq <= p_seq
          order by b.first_seq desc limit 1);
end $$;

-- The seqs of the jobs with an index from p_first to before p_end, in runs: one for each lane, if
-- the posting is sorted.
create function pdoflow.runs_of(p_posting bigint, p_first integer, p_end integer)
returns table (first_seq integer, end_seq integer)
language plpgsql stable rows 4 set jit = off set enable_seqscan = off as $$
declare
  v_posting record;
begin
  select p.job_count, p.is_sorted into v_posting from pdoflow.posting p where p.id = p_posting;
  p_first := greatest(p_first, 0);
  p_end := least(p_end, v_posting.job_count);
  if v_posting.is_sorted then
    return query
      select min(seq), max(seq) + 1
      from (select seq, seq - row_number() over (order by seq) as run
            from pdoflow.job_order o
              cross join lateral unnest(o.seqs) with ordinality as s (seq, position)
            where o.posting_id = p_posting
              and o.first_index > p_first - 1000 and o.first_index < p_end
              and o.first_index + position - 1 >= p_first
              and o.first_index + position - 1 < p_end) placed
      group by run order by 1;
  elsif p_first < p_end then
    return query select p_first, p_end;
  end if;
end $$;
