-- Which routes pools look at. A poster makes routes by what it says of its postings (osUser, needs,
-- run), so nothing here looks at all of them but prune: pools read those of postings that have not
-- ended, of which a role has a limited number.

-- The route of who posts (R1), made if it is the first of its kind. It is locked as a foreign key
-- would lock it: prune_routes passes it by until the caller's transaction has ended (R3).
create function pdoflow.find_route(
  p_os_user text, p_needs jsonb, p_run text, p_project text
) returns integer language plpgsql as $$
declare
  v_route integer;
begin
  loop
    select id into v_route from pdoflow.route
    where poster = pdoflow.caller() and poster_os = p_os_user and needs = p_needs and run = p_run
      and project = p_project
    for key share;
    if not found or not exists (
      select from pdoflow.posting where route_id = v_route and ended_at is null) then
      perform pdoflow.require_route_room();
    end if;
    if v_route is not null then return v_route; end if;
    insert into pdoflow.route (poster, poster_os, needs, run, project)
    values (pdoflow.caller(), p_os_user, p_needs, p_run, p_project)
    on conflict do nothing; -- another poster's row, where theirs came first
  end loop;
end $$;

-- The routes of postings that have not ended. Steps from one to the next by the index: however many
-- postings have ended, and however many routes they had, it costs what there are of open ones, and
-- of dead entries of those that ended and that vacuum may not remove yet.
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

-- Refuses where the caller has open postings of as many routes as a role may have: each claim of a
-- pool takes a step for each of them. A role with fewer routes does not pay for those of others.
create function pdoflow.require_route_room() returns void language plpgsql stable
set jit = off set enable_seqscan = off as $$
declare
  v_most constant integer := 500;
begin
  if pdoflow.is_owner() or v_most > (
       select count(*) from (
         select from pdoflow.route where poster = pdoflow.caller() limit v_most) own) then
    return;
  end if;
  if v_most <= (
       select count(*) from pdoflow.open_routes() as o (id)
       where exists (
         select from pdoflow.route r where r.id = o.id and r.poster = pdoflow.caller())) then
    raise exception 'expected open postings with fewer than % different combinations of '
      'osUser, needs, project and run of the role %, found as many: wait until '
      'some have ended, cancel some, or give more of them the same needs', v_most,
      pdoflow.caller() using errcode = 'PF001';
  end if;
end $$;

-- Of these routes those that the caller's pools may serve (T1), with the nulls between them.
create function pdoflow.served(p_routes integer[]) returns integer[] language plpgsql stable
set jit = off set enable_seqscan = off as $$
declare
  v_posters text[];
begin
  if pdoflow.runs_all() then return p_routes; end if;
  v_posters := pdoflow.run_posters();
  return array(
    select u.id from unnest(p_routes) with ordinality as u (id, place)
    where u.id is null or exists (
      select from pdoflow.route r where r.id = u.id and r.poster = any (v_posters))
    order by u.place);
end $$;

-- The pools, other than this one, that hold jobs of these routes, with the moment of their last
-- heartbeat and how long until they count as lost, in ms.
create function pdoflow.pool_job_holders(p_pool bigint, p_routes integer[])
returns table (id bigint, host text, beat_ms double precision, due_in_ms double precision)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  perform pdoflow.require_pool(p_pool);
  return query
    select p.id, p.host, (extract(epoch from p.beat_at) * 1000)::double precision,
           (p.heartbeat_timeout_ms - extract(epoch from clock_timestamp() - p.beat_at) * 1000)
             ::double precision
    from pdoflow.pool p
    where p.state in ('up', 'draining') and p.id <> p_pool and exists (
      select from pdoflow.lease l join pdoflow.posting o on o.id = l.posting_ids[1]
      where l.pool_id = p.id and l.active and o.route_id = any (pdoflow.served(p_routes)))
    order by p.id;
end $$;

-- The weight of a poster's turn (T2): the largest that was granted, 1 where nothing was said.
create function pdoflow.share_of(p_poster text) returns real language sql stable
security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(max(share), 1) from pdoflow.grants_of(p_poster) where kind = 'poster'
$$;

-- The routes of postings that have not ended and that the caller's pools may run, those of a
-- project or, if p_project is null, of any; or that of a run. By their numbers. As long as they are
-- few, those whose postings have ended are among them: so no old snapshot makes this slower.
create function pdoflow.pool_routes(p_run text, p_project text) returns table (
  id integer, poster text, poster_os text, needs jsonb, run text, project text, share real
) language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_posters text[] := case when not pdoflow.runs_all() then pdoflow.run_posters() end;
  v_are_few boolean := p_run = '' and 200 >= (
    select count(*) from (select from pdoflow.route r where r.run = '' limit 201) few);
begin
  return query
    with found as materialized (
      select r.* from pdoflow.open_routes() as o (id) cross join lateral (
        select * from pdoflow.route where id = o.id and run = '' offset 0) r
      where p_run = '' and not v_are_few
      union all
      select r.* from pdoflow.route r where v_are_few and r.run = ''
      union all
      select r.* from pdoflow.route r where p_run <> '' and r.run = p_run and r.run <> ''),
    mine as materialized (
      select * from found f
      where (v_posters is null or f.poster = any (v_posters))
        and (p_project is null or f.project in ('', p_project))),
    weight as materialized (
      select m.poster, pdoflow.share_of(m.poster) as share
      from (select distinct poster from mine) m)
    select m.id, m.poster, m.poster_os, m.needs, m.run, m.project, w.share
    from mine m join weight w using (poster) order by m.id;
end $$;

-- Deletes up to p_most routes that no posting has; returns how many. A statement after the locks:
-- whoever posts by one of them now waits, and then makes it anew; whoever did before has committed,
-- and is seen, or is passed by (R3).
create function pdoflow.prune_routes(p_most integer) returns integer language plpgsql as $$
declare
  v_ids integer[];
  v_gone integer;
begin
  v_ids := array(
    select id from pdoflow.route r
    where not exists (select from pdoflow.posting p where p.route_id = r.id)
    order by id limit p_most for update skip locked);
  delete from pdoflow.route r where id = any (v_ids)
    and not exists (select from pdoflow.posting p where p.route_id = r.id);
  get diagnostics v_gone = row_count;
  return v_gone;
end $$;

select pdoflow.apply_grants();
