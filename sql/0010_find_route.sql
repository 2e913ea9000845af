-- The route of who posts (R1), made where it is the first of its kind.
create function pdoflow.find_route(
  p_os_user text, p_needs jsonb, p_run text, p_project text
) returns integer language plpgsql as $$
declare
  v_route integer;
begin
  loop
    select id into v_route from pdoflow.route
    where poster = pdoflow.caller() and poster_os = p_os_user and needs = p_needs and run = p_run
      and project = p_project;
    if found then return v_route; end if;
    insert into pdoflow.route (poster, poster_os, needs, run, project)
    values (pdoflow.caller(), p_os_user, p_needs, p_run, p_project)
    on conflict do nothing; -- another poster's row, where theirs came first
  end loop;
end $$;
