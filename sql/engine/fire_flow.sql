-- Schedules that post a flow (H4). Their jobs are a JSON text:
--   {"name": "night", "spec": {}, "onEnd": "slack", "stages": [
--     {"stage": "reduce", "run": "reduce.ts#main", "jobs": [[1], [2]], "options": {}},
--     {"stage": "sum", "run": "sum.ts#main", "jobs": {"over": "reduce"},
--      "options": {"after": [{"stage": "check", "kind": "any"}]}}]}
--   jobs     a text with a line for each job, a list, a sweep, or {"over": STAGE, "with": []}
--            or {"expand": STAGE}, which name a stage before; by default one job, "[]"
--   options  those of a posting; gather and the edges of after name stages before
-- Several stages of one name are the levels of a reduction: a name means the last one before.

-- The posting of a stage, by its name.
create function pdoflow.stage_named(p_ids jsonb, p_name text) returns bigint language plpgsql as $$
begin
  if not p_ids ? p_name or p_name is null then
    raise exception 'expected the name of a stage before, found %',
      coalesce(quote_literal(left(p_name, 100)), 'none') using errcode = 'PF002';
  end if;
  return (p_ids -> p_name)::bigint;
end $$;

-- The jobs of a stage as a text, and its upstream if they are the results of another stage.
create function pdoflow.jobs_of_stage(
  p_jobs json, p_ids jsonb, out lines text, out described text, out over_id bigint,
  out expand_id bigint
) language plpgsql as $$
begin
  case json_typeof(p_jobs)
    when 'string' then lines := p_jobs #>> '{}';
    when 'array' then
      lines := (select string_agg(value::text, e'\n' order by position)
                from jsonb_array_elements(p_jobs::jsonb) with ordinality as a (value, position));
    when 'object' then
      if p_jobs -> 'over' is not null then
        over_id := pdoflow.stage_named(p_ids, p_jobs ->> 'over');
        described := format('{"over":%s,"with":%s}', over_id, coalesce(p_jobs -> 'with', '[]'));
      elsif p_jobs -> 'expand' is not null then
        expand_id := pdoflow.stage_named(p_ids, p_jobs ->> 'expand');
      else
        described := p_jobs::text;
      end if;
    else
      raise exception 'expected jobs as a text, a list or an object, found %',
        left(p_jobs::text, 100) using errcode = 'PF002';
  end case;
end $$;

-- The options of a stage with the numbers of postings in place of the names of stages.
create function pdoflow.options_of_stage(p_stage text, p_options jsonb, p_ids jsonb) returns jsonb
language plpgsql as $$
declare
  v_edge jsonb;
  v_after jsonb := '[]';
begin
  perform pdoflow.require_options(
    p_options, array['command', 'after', 'ifBlocked', 'gather', 'gatherSize'],
    format('the stage %s of a schedule cannot have it', p_stage));
  for v_edge in select value from jsonb_array_elements(coalesce(p_options -> 'after', '[]')) loop
    v_after := v_after || jsonb_build_array(v_edge - 'stage' || jsonb_build_object(
      'posting', pdoflow.stage_named(p_ids, v_edge ->> 'stage')));
  end loop;
  if p_options ? 'gather' then
    p_options := jsonb_set(p_options, '{gather}', to_jsonb(
      pdoflow.stage_named(p_ids, p_options ->> 'gather')));
  end if;
  return p_options || jsonb_build_object('after', v_after);
end $$;

-- Posts a stage for the poster of a schedule; p_ids has the postings of the stages before.
create function pdoflow.post_stage_of(
  s pdoflow.schedule, v pdoflow.posting, p_stage json, p_ids jsonb, p_behind bigint[]
) returns void language plpgsql set jit = off set enable_seqscan = off as $$
declare
  v_options jsonb := pdoflow.options_of_stage(
    p_stage ->> 'stage', coalesce(p_stage -> 'options', '{}')::jsonb, p_ids);
  v_jobs record := pdoflow.jobs_of_stage(coalesce(p_stage -> 'jobs', '"[]"'), p_ids);
  v_limits record := pdoflow.limits_of(s.poster, pdoflow.owns(s.poster));
  v_row pdoflow.posting := pdoflow.posting_of(p_stage ->> 'run', v_options - 'after');
begin
  v_row.id := v.id;
  v_row.flow_id := v.flow_id;
  v_row.stage := pdoflow.name_option('stage', coalesce((p_stage -> 'stage')::jsonb, 'null'));
  if v_row.stage is null then
    perform pdoflow.refuse_option('stage', 'the name of a stage', 'null');
  end if;
  v_row.schedule := v.schedule;
  v_row.scheduled_at := v.scheduled_at;
  v_row.name := coalesce(v_row.name, left(s.flow_name || '.' || v_row.stage, 100));
  v_row.expands := v_jobs.expand_id;
  if v_row.expands is not null then
    perform pdoflow.require_expandable(v_options, v_row.expands, s.poster);
    v_row.job_count := 0;
  elsif v_jobs.lines is not null then
    v_row.job_count := pdoflow.write_jobs(v.id, 0, v_jobs.lines, null,
                                          v_limits.max_argument_bytes);
  else
    v_row.job_count := pdoflow.write_described(v.id, 0, v_jobs.described,
                                               v_limits.max_argument_bytes, s.poster);
  end if;
  if v_options -> 'after' = '[]' and not v_options ? 'gather'
     and v_jobs.over_id is null and v_jobs.expand_id is null then
    v_options := v_options || jsonb_build_object('after', pdoflow.after_any(p_behind));
  end if;
  perform pdoflow.write_posting(
    v_row, v_options || jsonb_build_object('osUser', s.poster_os), false, null, null,
    v_jobs.over_id, s.poster);
end $$;

-- Posts the flow of a schedule; its first stages wait for the end of some postings. Returns the
-- same flow if p_key was posted before.
create function pdoflow.post_flow_of(
  s pdoflow.schedule, p_nominal timestamptz, p_key text, p_behind bigint[]
) returns bigint language plpgsql set jit = off set enable_seqscan = off as $$
declare
  v pdoflow.posting;
  v_stages json[] := array(select value from json_array_elements(s.jobs::json -> 'stages'));
  v_new bigint[];
  v_ids jsonb := '{}';
begin
  insert into pdoflow.flow (name, poster, poster_os, key, spec, on_end, on_failure)
  values (s.flow_name, s.poster, s.poster_os, p_key,
          coalesce(s.jobs::json -> 'spec', '{}')::jsonb,
          pdoflow.receivers_option('onEnd', coalesce(s.jobs::jsonb -> 'onEnd', 'null')),
          pdoflow.receivers_option('onFailure', coalesce(s.jobs::jsonb -> 'onFailure', 'null')))
  on conflict (poster, poster_os, key) where key is not null do nothing
  returning id into v.flow_id;
  if v.flow_id is null then
    return (select id from pdoflow.flow
            where poster = s.poster and poster_os = s.poster_os and key = p_key);
  end if;
  v.schedule := s.name;
  v.scheduled_at := p_nominal;
  -- First, because the locks of spans come before those of postings.
  v_new := array(select pdoflow.new_posting_id() from unnest(v_stages));
  for i in 1..cardinality(v_stages) loop
    v.id := v_new[i];
    perform pdoflow.post_stage_of(s, v, v_stages[i], v_ids, p_behind);
    v_ids := v_ids || jsonb_build_object(v_stages[i] ->> 'stage', v.id);
  end loop;
  return v.flow_id;
end $$;

-- Raises an error unless a schedule can post its flow: posts it, and takes that back.
create function pdoflow.require_flow_of(s pdoflow.schedule) returns void language plpgsql as $$
begin
  perform pdoflow.post_flow_of(s, now(), null, '{}');
  raise exception using errcode = 'PF099'; -- not PF000, which would catch all of PF
exception when sqlstate 'PF099' then null;
end $$;
