-- Gathering: the jobs of a posting read the results of another one (P13).

-- Raises an error unless a role can gather the results of v.gather with these jobs.
create function pdoflow.require_gatherable(v pdoflow.posting, p_poster text) returns void
language plpgsql as $$
declare
  v_upstream record;
  v_groups bigint;
begin
  if v.gather is null then
    if v.gather_size is not null then
      raise exception 'option gatherSize: expected the option gather too, the posting whose '
        'results the jobs read' using errcode = 'PF002';
    end if;
    return;
  end if;
  select p.job_count, p.keeps_results, p.ended_at into v_upstream from pdoflow.posting p
  where p.id = v.gather and pdoflow.may_use(p.route_id, p_poster);
  if not found then
    raise exception 'there is no posting % that the role % can see', v.gather, p_poster
      using errcode = 'PF003';
  end if;
  if not v_upstream.keeps_results then
    raise exception 'posting % keeps no results, so nothing can be gathered: post it without '
      '--no-results (keepsResults: false)', v.gather using errcode = 'PF002';
  end if;
  if v.gather_size is not null and v_upstream.job_count = 0 and v_upstream.ended_at is null then
    raise exception 'posting % has a job for each element of a list that is not there yet: gather '
      'its results with one job, without --reduce (gatherSize)', v.gather using errcode = 'PF002';
  end if;
  -- One job also reads the results of no jobs.
  v_groups := case when v.gather_size is null then 1
              else greatest(ceil(v_upstream.job_count::numeric / v.gather_size), 1) end;
  if v.job_count <> v_groups then
    raise exception 'expected % jobs, one for each % results of posting %, found %', v_groups,
      coalesce(v.gather_size, v_upstream.job_count), v.gather, v.job_count
      using errcode = 'PF002';
  end if;
end $$;

-- The option "after" of a posting; it always waits for the end of the posting that it gathers, or
-- whose result it expands (P15).
create function pdoflow.after_of(v pdoflow.posting, p_options jsonb) returns jsonb
language plpgsql immutable as $$
declare
  v_after jsonb := p_options -> 'after';
begin
  if v.expands is not null then
    return coalesce(v_after, '[]') || jsonb_build_array(jsonb_build_object('posting', v.expands));
  end if;
  if v.gather is null or jsonb_path_exists(
       v_after, '$[*] ? (@.posting == $gather && (!exists (@.kind) || @.kind == "after"
                                                  || @.kind == "any"))',
       jsonb_build_object('gather', v.gather)) then
    return v_after;
  end if;
  return coalesce(v_after, '[]') || jsonb_build_array(jsonb_build_object('posting', v.gather));
end $$;

-- The posting that the jobs of a posting gather, with its counts, for runnable.
create function pdoflow.upstream_of(p_posting bigint, p_size integer) returns json
language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  return (
    select json_build_object(
      'posting', p.id, 'jobCount', p.job_count, 'groupSize', coalesce(p_size, p.job_count),
      'done', p.done + coalesce(g.done, 0), 'failed', p.failed + coalesce(g.failed, 0),
      'cancelled', p.cancelled + coalesce(g.cancelled, 0))
    from pdoflow.posting p cross join lateral (
      select sum(done) as done, sum(failed) as failed, sum(cancelled) as cancelled
      from pdoflow.progress where posting_id = p.id and p.ended_at is null) g
    where p.id = p_posting);
end $$;

-- The lines of the first jobs from p_first to before p_end, as long as they are done at the first
-- attempt, have about 1 MiB, and are in the order of posting: then runs are read as they are.
create function pdoflow.done_lines(
  p_posting bigint, p_first integer, p_end integer, out jobs integer, out texts text
) language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  with run as (
    select r.first_seq, r.end_seq, r.results, r.attempt = 1 and r.state = 'done' as is_done,
           greatest(r.first_seq, p_first) as low, least(r.end_seq, p_end) as high,
           lag(r.end_seq) over in_order as before, row_number() over in_order as number,
           sum(octet_length(r.results)) over in_order as upto
    from pdoflow.runs_between(p_posting, p_first, p_end) r
    window in_order as (order by r.first_seq, r.attempt)),
  found as (
    select *, bool_and(
      is_done and coalesce(before = first_seq, first_seq <= p_first)
      and (number = 1 or coalesce(upto, 0) <= 1024 * 1024)) over (order by number) as is_next
    from run)
  select max(f.high) - p_first,
         string_agg(case when f.results is null then repeat(e'\n', f.high - f.low - 1)
                         when f.low = f.first_seq and f.high = f.end_seq then f.results
                         else array_to_string((string_to_array(f.results, e'\n'))
                                [f.low - f.first_seq + 1:f.high - f.first_seq], e'\n') end,
                    e'\n' order by f.number)
  into jobs, texts from found f where f.is_next;
end $$;

-- Results of the jobs of a posting from index p_first on, before p_end. states has a letter for
-- each job: d(one), f(ailed), c(ancelled), or w(aiting) if it has not ended. texts has a line for
-- each: its result or its error, or nothing. At most 10,000 jobs, and about 1 MiB or one job: the
-- size of a text is known without reading it, and only a run of one job can be large (U7).
create function pdoflow.results_page(
  p_posting bigint, p_first integer, p_end integer, out states text, out texts text
) language plpgsql stable
set jit = off set enable_seqscan = off set enable_nestloop = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  v_posting record;
  v_done record;
  v_end integer := least(p_end, p_first + 2000);
begin
  select p.is_sorted, p.ended_at is not null or p.state = 'cancelled' as has_ended into v_posting
  from pdoflow.posting p where p.id = p_posting;
  if not v_posting.is_sorted then
    select l.jobs, l.texts into v_done
    from pdoflow.done_lines(p_posting, p_first, least(p_end, p_first + 10000)) l;
    -- Else many jobs in between have failed or were tried again.
    if v_done.jobs >= least(p_end - p_first, 500) then
      states := repeat('d', v_done.jobs);
      texts := v_done.texts;
      return;
    end if;
  end if;
  with job as materialized (
    select * from pdoflow.seqs_between(p_posting, v_posting.is_sorted, p_first, v_end)),
  size as (
    select s.seq, sum((coalesce(octet_length(r.results), 0) + coalesce(octet_length(r.errors), 0))
                      / (r.end_seq - r.first_seq)) as bytes
    from pdoflow.runs_of(p_posting, p_first, v_end) q
      cross join lateral pdoflow.runs_between(p_posting, q.first_seq, q.end_seq) r
      cross join lateral generate_series(
        greatest(r.first_seq, q.first_seq), least(r.end_seq, q.end_seq) - 1) as s (seq)
    group by s.seq)
  select least(v_end, min(b.index)) into v_end
  from (select j.index, sum(s.bytes) over (order by j.index) as upto
        from job j left join size s on s.seq = j.seq) b
  where b.upto > 1024 * 1024 and b.index > p_first;
  with ended as (
    select distinct on (o.seq) o.seq, r.state,
           case r.state when 'done' then o.result when 'failed' then o.error
                        when 'cancelled' then o.error end as text
    from pdoflow.runs_of(p_posting, p_first, v_end) q
      cross join lateral pdoflow.runs_between(p_posting, q.first_seq, q.end_seq) r
      cross join lateral rows from (
        generate_series(r.first_seq, r.end_seq - 1), string_to_table(r.results, e'\n'),
        string_to_table(r.errors, e'\n')) as o (seq, result, error)
    where o.seq >= q.first_seq and o.seq < q.end_seq
    order by o.seq, r.attempt desc)
  select string_agg(case when e.state in ('done', 'failed', 'cancelled') then left(e.state::text, 1)
                         when v_posting.has_ended then 'c' -- or skipped (E3)
                         else 'w' end, '' order by j.index),
         string_agg(coalesce(e.text, ''), e'\n' order by j.index)
  into states, texts
  from pdoflow.seqs_between(p_posting, v_posting.is_sorted, p_first, v_end) j
    left join ended e on e.seq = j.seq;
end $$;

-- The seq of each job with an index from p_first to before p_end.
create function pdoflow.seqs_between(
  p_posting bigint, p_is_sorted boolean, p_first integer, p_end integer
) returns table (index integer, seq integer) language plpgsql stable
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  if not p_is_sorted then
    return query select i, i from generate_series(p_first, p_end - 1) as s (i);
    return;
  end if;
  return query
    select o.first_index + position::integer - 1, s.seq
    from pdoflow.job_order o
      cross join lateral unnest(o.seqs) with ordinality as s (seq, position)
    where o.posting_id = p_posting and o.first_index > p_first - 1000 and o.first_index < p_end
      and o.first_index + position - 1 >= p_first and o.first_index + position - 1 < p_end;
end $$;
