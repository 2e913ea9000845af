-- The routes that pools read. Posters create routes by their options (osUser, needs, run, project),
-- so only prune reads all routes. Pools read the routes of unfinished postings, and a role can have
-- a limited number of these.

-- Returns the route of a role with these properties (R1), and creates it if there is none. It is
-- locked like the target of a foreign key: prune_routes skips it until the transaction ends (R3).
create function pdoflow.find_route(
  p_os_user text, p_needs jsonb, p_run text, p_project text,
  p_poster text default pdoflow.caller()
) returns integer language plpgsql as $$
declare
  v_route integer;
begin
  loop
    select id into v_route from pdoflow.route
    where poster = p_poster and poster_os = p_os_user and needs = p_needs and run = p_run
      and project = p_project
    for key share;
    if not pdoflow.owns(p_poster) then
      perform pdoflow.require_route_room(v_route, p_poster);
    end if;
    if v_route is not null then return v_route; end if;
    insert into pdoflow.route (poster, poster_os, needs, run, project)
    values (p_poster, p_os_user, p_needs, p_run, p_project)
    on conflict do nothing; -- a concurrent transaction may have created it
  end loop;
end $$;

-- The routes of unfinished postings. Steps from one to the next in the index: the cost depends on
-- the open routes, and on dead entries that vacuum cannot remove yet, not on ended postings.
create function pdoflow.open_routes() returns setof integer language sql stable
set jit = off set enable_seqscan = off as $$
  with recursive open (id) as (
    (select p.route_id from pdoflow.posting p
     where p.ended_at is null order by p.route_id limit 1)
    union all
    select (select p.route_id from pdoflow.posting p
            where p.ended_at is null and p.route_id > o.id order by p.route_id limit 1)
    from open o where o.id is not null)
  select id from open where id is not null
$$;

-- Raises an error if a role has open postings of the maximum number of routes, and none of
-- p_route, because each claim takes a step for each of them. The owner has no limit. Cheap for
-- roles with few routes.
create function pdoflow.require_route_room(p_route integer, p_poster text) returns void
language plpgsql stable set jit = off set enable_seqscan = off as $$
declare
  v_limit constant integer := 500;
begin
  if v_limit > (
       select count(*) from (
         select from pdoflow.route where poster = p_poster limit v_limit) own)
     -- Last: until vacuum, the index has entries of postings that have ended.
     or exists (select from pdoflow.posting where route_id = p_route and ended_at is null) then
    return;
  end if;
  if v_limit <= (
       select count(*) from pdoflow.open_routes() as o (id)
       where exists (
         select from pdoflow.route r where r.id = o.id and r.poster = p_poster)) then
    raise exception 'expected open postings with fewer than % different combinations of '
      'osUser, needs, project and run for the role %, found that number: wait until '
      'some have ended, cancel some, or give more of them the same needs', v_limit,
      p_poster using errcode = 'PF001';
  end if;
end $$;

-- The routes among p_routes that the pools of the caller can serve (T1), and the nulls between
-- them.
create function pdoflow.served(p_routes integer[]) returns integer[] language plpgsql stable
set jit = off set enable_seqscan = off as $$
declare
  v_posters text[];
begin
  if pdoflow.runs_all() then return p_routes; end if;
  v_posters := pdoflow.run_posters();
  return array(
    select u.id from unnest(p_routes) with ordinality as u (id, position)
    where u.id is null or exists (
      select from pdoflow.route r where r.id = u.id and r.poster = any (v_posters))
    order by u.position);
end $$;

-- The share of a poster (T2): the largest that was granted, 1 by default.
create function pdoflow.share_of(p_poster text) returns real language plpgsql stable
security definer set search_path = pg_catalog, pg_temp as $$
begin
  return (select coalesce(max(share), 1) from pdoflow.grants_of(p_poster) where kind = 'poster');
end $$;
