-- Postings of a job for each element of the list that the one job of another posting returned
-- (P15). Such a posting has no jobs and no lane until the other one has ended.

-- Raises an error if a posting cannot be expanded from another one.
create function pdoflow.require_expandable(
  p_options jsonb, p_upstream bigint, p_poster text default pdoflow.caller()
) returns void language plpgsql as $$
declare
  v_upstream pdoflow.posting;
begin
  perform pdoflow.require_upstream(p_upstream, p_poster);
  select * into v_upstream from pdoflow.posting where id = p_upstream;
  if v_upstream.job_count <> 1 then
    raise exception 'expected a posting of one job, which returns the list, found posting % of %: '
      'to give each result to a job, post over it', p_upstream, v_upstream.job_count
      using errcode = 'PF002';
  elsif not v_upstream.keeps_results then
    raise exception 'expected a posting that keeps its results, found posting %', p_upstream
      using errcode = 'PF002';
  elsif jsonb_typeof(p_options -> 'priority') = 'array' or p_options ? 'gather' then
    raise exception 'expected one priority for all jobs, and no gather, for an expanded posting'
      using errcode = 'PF002';
  end if;
end $$;

-- The fault of the list from which to expand a posting, in one sentence; null if there is none.
create function pdoflow.list_fault(p_upstream bigint, p_result text) returns text
language plpgsql immutable as $$
declare
  v_kind text := json_typeof(p_result::json);
begin
  return case
    when p_result is null then format('the job of %s has no result to expand', p_upstream)
    when v_kind <> 'array' then
      format('expected a list as the result of %s, found a value of type %s', p_upstream, v_kind)
    when json_array_length(p_result::json) > 100000 then
      format('expected at most 100000 elements in the result of %s, found %s', p_upstream,
             json_array_length(p_result::json)) end;
end $$;

-- Writes the jobs of a posting; returns a fault of the arguments, null if there is none.
create function pdoflow.write_elements(p_posting pdoflow.posting, p_result text) returns text
language plpgsql as $$
declare
  v_poster text := (select poster from pdoflow.route where id = p_posting.route_id);
  v_limits record := pdoflow.limits_of(v_poster, pdoflow.owns(v_poster));
begin
  perform pdoflow.write_jobs(
    p_posting.id, 0, (
      select string_agg('[' || value::text || ']', e'\n' order by position)
      from json_array_elements(p_result::json) with ordinality as e (value, position)),
    null, v_limits.max_argument_bytes);
  return null;
exception when sqlstate 'PF001' then
  return sqlerrm;
end $$;

-- Expands postings whose edges are all met, and whose rows are locked. A posting without elements
-- ends at once. Without a list, or with too long a one, it is cancelled: its reason says why.
create function pdoflow.expand_postings(p_postings bigint[]) returns void
language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v pdoflow.posting;
  v_result text;
  v_fault text;
begin
  for v in select * from pdoflow.posting
           where id = any (p_postings) and expands is not null and job_count = 0
             and not waits and ended_at is null and state <> 'cancelled'
           order by id
  loop
    v_result := (
      select nullif(results, '') from pdoflow.runs_between(v.expands, 0, 1) where state = 'done');
    v_fault := pdoflow.list_fault(v.expands, v_result);
    v.job_count := case when v_fault is null then json_array_length(v_result::json) else 0 end;
    if v.job_count > 0 then v_fault := pdoflow.write_elements(v, v_result); end if;
    if v_fault is not null then
      perform pdoflow.cancel_postings(array[v.id], true, v_fault, true);
    elsif v.job_count = 0 then
      insert into pdoflow.progress (posting_id) values (v.id);
      perform pdoflow.finish(array[v.id]);
    else
      update pdoflow.posting set job_count = v.job_count where id = v.id;
      insert into pdoflow.lane (posting_id, priority, override_priority, first_seq, end_seq,
                                route_id, state)
      values (v.id, v.priority, v.override_priority, 0, v.job_count, v.route_id,
              case when v.state = 'open' and v.run_at is null then 'open' else 'paused' end
                ::pdoflow.lane_state);
    end if;
  end loop;
end $$;

-- Posts jobs for the elements of the list that the job of another posting returns ({"expand": 41}).
create function pdoflow.post_expanded(
  p_entry_point text, p_options jsonb, p_jobs jsonb, p_opens boolean,
  out posting_id bigint, out job_count integer, out is_new boolean, out entry_point text,
  out token bigint
) language plpgsql as $$
#variable_conflict use_column
declare
  v pdoflow.posting := pdoflow.posting_of(p_entry_point, p_options);
begin
  if p_jobs - 'expand' <> '{}' then
    perform pdoflow.refuse_option('(jobs)', 'an object such as {"expand": 41}', p_jobs);
  end if;
  v.expands := pdoflow.whole_option('expand', p_jobs -> 'expand', 1, 9007199254740991);
  perform pdoflow.require_expandable(p_options, v.expands);
  select s.* into posting_id, job_count, is_new, entry_point, token
  from pdoflow.start_posting(p_entry_point, p_options, p_opens) s;
  if not is_new or posting_id is null then return; end if;
  token := v.token;
  v.id := posting_id;
  v.job_count := 0;
  perform pdoflow.write_posting(v, p_options, false, null, null);
  select p.job_count into job_count from pdoflow.posting p where p.id = v.id;
  entry_point := p_entry_point;
end $$;
