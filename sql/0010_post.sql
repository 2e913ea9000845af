-- Posting: what a posting is made of beside its jobs, and all of a small one in one statement.

-- The route of who posts (R1), made where it is the first of its kind.
create function pdoflow.find_route(p_os_user text, p_needs jsonb, p_run text) returns integer
language plpgsql as $$
declare
  v_route integer;
begin
  loop
    select id into v_route from pdoflow.route
    where poster = session_user and poster_os = p_os_user and needs = p_needs and run = p_run;
    if found then return v_route; end if;
    insert into pdoflow.route (poster, poster_os, needs, run)
    values (session_user, p_os_user, p_needs, p_run)
    on conflict do nothing; -- another poster's row, where theirs came first
  end loop;
end $$;

-- The row of a posting whose jobs are there. p_options has the columns of posting that its poster
-- sets, by their names, and "needs" and "run" of its route.
create function pdoflow.add_posting(
  p_id bigint, p_job_count integer, p_os_user text, p_options jsonb
) returns integer language plpgsql as $$
declare
  v_route integer := pdoflow.find_route(p_os_user, p_options->'needs', p_options->>'run');
begin
  insert into pdoflow.posting (id, name, entry_point, job_count, route_id, tries, backoff_ms,
                               timeout_ms, grace_ms, stop_after, keeps_results, keeps_output,
                               keep_ms, max_failures, max_failures_percent, max_running,
                               rate_count, rate_ms)
  select p_id, o.name, o.entry_point, p_job_count, v_route, o.tries, o.backoff_ms,
         o.timeout_ms, o.grace_ms, o.stop_after, o.keeps_results, o.keeps_output,
         o.keep_ms, o.max_failures, o.max_failures_percent, o.max_running,
         o.rate_count, o.rate_ms
  from jsonb_populate_record(null::pdoflow.posting, p_options) o;
  return v_route;
end $$;

-- Posts the argument lists in p_args, in which p_separator stands between them, as one lane. Null,
-- and nothing is written, where a span has to be opened first (X1).
create function pdoflow.post_batch(
  p_os_user text, p_options jsonb, p_priority integer, p_args text, p_separator text
) returns table (id bigint, job_count integer) language plpgsql as $$
#variable_conflict use_column
declare
  v_id bigint := pdoflow.take_posting_id();
  v_count integer;
  v_route integer;
begin
  if v_id is null then return; end if;
  insert into pdoflow.job (posting_id, seq, args)
  select v_id, place - 1, args::json
  from string_to_table(p_args, p_separator) with ordinality as t (args, place);
  get diagnostics v_count = row_count;
  v_route := pdoflow.add_posting(v_id, v_count, p_os_user, p_options);
  insert into pdoflow.lane (posting_id, priority, first_seq, end_seq, route_id)
  values (v_id, p_priority, 0, v_count, v_route);
  perform pdoflow.wake(v_id);
  return query select v_id, v_count;
end $$;
