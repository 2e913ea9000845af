-- Posting: what a posting is made of beside its jobs.

-- The route of who posts (R1), made where it is the first of its kind.
create function pdoflow.find_route(p_os_user text, p_needs jsonb, p_run text) returns integer
language plpgsql as $$
declare
  v_route integer;
begin
  loop
    select id into v_route from pdoflow.route
    where poster = pdoflow.caller() and poster_os = p_os_user and needs = p_needs and run = p_run;
    if found then return v_route; end if;
    insert into pdoflow.route (poster, poster_os, needs, run)
    values (pdoflow.caller(), p_os_user, p_needs, p_run)
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
                               rate_count, rate_ms, starts_at)
  select p_id, o.name, o.entry_point, p_job_count, v_route, o.tries, o.backoff_ms,
         o.timeout_ms, o.grace_ms, o.stop_after, o.keeps_results, o.keeps_output,
         o.keep_ms, o.max_failures, o.max_failures_percent, o.max_running,
         o.rate_count, o.rate_ms, o.starts_at
  from jsonb_populate_record(null::pdoflow.posting, p_options) o;
  return v_route;
end $$;
