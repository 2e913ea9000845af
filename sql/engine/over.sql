-- Jobs over the results of another posting, whose arguments are never stored (J7): the arguments of
-- job i are [result of job i of the upstream, ...with]. Roles that run a job may see its arguments,
-- but not the outcomes of the upstream: hence "security definer".

-- The upstream of the jobs of a posting, and the end of each list of arguments, which comes after
-- the result. Nulls if the caller cannot see the posting.
create function pdoflow.over_of(p_posting bigint, out upstream_id bigint, out rest text)
language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  select (b.sweep ->> 'over')::bigint,
         case when json_array_length(b.sweep -> 'with') > 0
              then ',' || substr(btrim((b.sweep -> 'with')::text), 2) else ']' end
  into upstream_id, rest
  from pdoflow.posting p join pdoflow.job b on b.posting_id = p.id and b.first_seq = 0
  where p.id = p_posting and b.posting_id = p_posting
    and (pdoflow.reads_all() or p.route_id = any (pdoflow.own_routes())
         or p.route_id = any (pdoflow.run_routes()));
end $$;

-- The lines of arguments for the results of a run from p_from to before p_to (U7). An empty line is
-- undefined.
create function pdoflow.over_piece(
  p_results text, p_first integer, p_end integer, p_from integer, p_to integer, p_rest text
) returns text language sql immutable as $$
  select case
    when p_results is null then
      repeat('[{"$undefined":true}' || p_rest || e'\n', p_to - p_from - 1)
        || '[{"$undefined":true}' || p_rest
    when p_from = p_first and p_to = p_end and left(p_results, 1) not in ('', e'\n')
         and right(p_results, 1) <> e'\n' and strpos(p_results, e'\n\n') = 0 then
      '[' || replace(p_results, e'\n', p_rest || e'\n[') || p_rest
    else (
      select string_agg('[' || coalesce(nullif(line, ''), '{"$undefined":true}') || p_rest, e'\n'
                        order by position)
      from unnest((string_to_array(p_results || e'\n', e'\n'))
                  [p_from - p_first + 1:p_to - p_first]) with ordinality as l (line, position)) end
$$;

-- The lines of the jobs from p_first to before p_end; empty ones, which only people read, for jobs
-- whose jobs of the upstream are not done.
create function pdoflow.over_lines(p_posting bigint, p_first integer, p_end integer) returns text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
declare
  v record := pdoflow.over_of(p_posting);
  v_lines text;
  v_jobs integer;
begin
  if v.upstream_id is null then return null; end if;
  select string_agg(pdoflow.over_piece(r.results, r.first_seq, r.end_seq, p.first, p.last, v.rest),
                    e'\n' order by r.first_seq), sum(p.last - p.first)
  into v_lines, v_jobs
  from pdoflow.runs_between(v.upstream_id, p_first, p_end) r
    cross join lateral (select greatest(r.first_seq, p_first) as first,
                               least(r.end_seq, p_end) as last) p
  where r.state = 'done';
  if v_jobs = p_end - p_first then return v_lines; end if;
  -- The range is that of a caller.
  p_first := greatest(p_first, 0);
  p_end := least(p_end, (select job_count from pdoflow.posting where id = v.upstream_id));
  return (
    select string_agg(coalesce(d.line, ''), e'\n' order by s.seq)
    from generate_series(p_first, p_end - 1) as s (seq) left join (
      select r.first_seq + l.position::integer - 1 as seq, l.line
      from pdoflow.runs_between(v.upstream_id, p_first, p_end) r
        cross join lateral string_to_table(pdoflow.over_piece(
          r.results, r.first_seq, r.end_seq, r.first_seq, r.end_seq, v.rest), e'\n')
          with ordinality as l (line, position)
      where r.state = 'done') d on d.seq = s.seq);
end $$;

-- The size of the runs of results from p_first to before p_end with the other arguments, at least
-- that of these lines. The size of a text is known without reading it.
create function pdoflow.over_sizes(p_posting bigint, p_first integer, p_end integer)
returns table (first_seq integer, bytes bigint) language plpgsql stable
set jit = off set enable_seqscan = off as $$
declare
  v record := pdoflow.over_of(p_posting);
begin
  return query
    select greatest(r.first_seq, p_first),
           coalesce(octet_length(r.results), 0)
             + (octet_length(v.rest) + 25)::bigint * (r.end_seq - r.first_seq)
    from pdoflow.runs_between(v.upstream_id, p_first, p_end) r where r.state = 'done';
end $$;

-- The size of these lines, or more.
create function pdoflow.over_bytes(p_posting bigint, p_first integer, p_end integer)
returns bigint language plpgsql stable security definer set search_path = pg_catalog, pg_temp as
$$ begin
  return (select sum(s.bytes) from pdoflow.over_sizes(p_posting, p_first, p_end) s);
end $$;

-- The end of the lines from p_first on that have up to p_bytes, or are one run.
create function pdoflow.over_end(
  p_posting bigint, p_first integer, p_end integer, p_bytes bigint
) returns integer
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  return coalesce((
    select min(f.first_seq) from (
      select s.first_seq, sum(s.bytes) over (order by s.first_seq) as upto
      from pdoflow.over_sizes(p_posting, p_first, p_end) s) f
    where f.upto > p_bytes and f.first_seq > p_first), p_end);
end $$;

-- The upstream if a text describes such jobs, such as {"over": 41, "with": [2]}; else null.
create function pdoflow.over_in(p_text text) returns bigint language plpgsql immutable as $$
begin
  if strpos(p_text, '"over"') = 0 or json_typeof(p_text::json) <> 'object'
     or p_text::json -> 'over' is null then
    return null;
  end if;
  return pdoflow.whole_option('over', (p_text::json -> 'over')::jsonb, 1, 9007199254740991);
end $$;

-- Writes the jobs of such a text; returns how many.
create function pdoflow.write_over(
  p_posting bigint, p_first integer, p_text text, p_max_bytes integer, p_poster text
) returns integer language plpgsql as $$
declare
  v_upstream pdoflow.posting;
  v_with json := p_text::json -> 'with';
begin
  if p_first > 0 or strpos(p_text, e'\n') > 0 or strpos(p_text, e'\r') > 0
     or coalesce(json_typeof(v_with), 'array') <> 'array'
     or exists (select from json_object_keys(p_text::json) as k (key)
                where key not in ('over', 'with')) then
    raise exception 'expected all jobs of the posting as {"over": 41, "with": [2]} on one line, '
      'found %', left(p_text, 1000) using errcode = 'PF002';
  elsif octet_length(v_with::text) > least(p_max_bytes, 60000) then
    raise exception 'the arguments of a job beside a result may have up to % bytes, found %: keep '
      'large data in files, and post their names', least(p_max_bytes, 60000),
      octet_length(v_with::text) using errcode = 'PF001';
  end if;
  select * into v_upstream from pdoflow.posting where id = pdoflow.over_in(p_text);
  perform pdoflow.require_upstream(pdoflow.over_in(p_text), p_poster);
  if not v_upstream.keeps_results then
    raise exception 'posting % keeps no results: post it without --no-results (keepsResults: '
      'false), or use --after-each (the kind each)', v_upstream.id using errcode = 'PF002';
  end if;
  if v_upstream.job_count = 0 then
    raise exception 'expected a posting with jobs, found % without: wait until the list that it '
      'expands is there', v_upstream.id using errcode = 'PF002';
  end if;
  insert into pdoflow.job (posting_id, first_seq, end_seq, sweep)
  values (p_posting, 0, v_upstream.job_count, format(
    '{"over":%s,"posting":%s,"with":%s}', v_upstream.id, p_posting, coalesce(v_with, '[]'))::json);
  return v_upstream.job_count;
end $$;
