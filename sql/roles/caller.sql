-- Roles (docs/security.md). Only the owner of the schema writes tables. All others call functions
-- that run as the owner (security definer) and check the caller; policies limit the rows they read.
-- The owner's statements bypass all of this.
--
-- Every claim and every post calls these functions. They are PL/pgSQL because a session plans the
-- queries of such a function once; up to PostgreSQL 17 it plans those of an SQL function that
-- cannot be inlined at each call. On PostgreSQL 14 that took 2 ms of a claim. An expression without
-- a query is evaluated in a microsecond, a query takes 20: so the owner is not looked up.

-- The caller: the role of SET ROLE, else the role that logged in. Not current_user, which is the
-- owner in functions that run as the owner. Only a member of a role can SET ROLE to it.
create function pdoflow.caller() returns text language sql stable
return case current_setting('role') when 'none' then session_user::text
            else current_setting('role') end;

-- Runs as the owner, who is therefore the current user.
create function pdoflow.is_owner() returns boolean language plpgsql stable
security definer set search_path = pg_catalog, pg_temp as
$$ begin return pg_has_role(pdoflow.caller()::name, current_user, 'usage'); end $$;

-- The same for another role, which may not exist any more.
create function pdoflow.owns(p_role text) returns boolean language plpgsql stable
security definer set search_path = pg_catalog, pg_temp as $$
begin
  return to_regrole(quote_ident(p_role)) is not null
    and pg_has_role(p_role::name, current_user, 'usage');
end $$;

-- The rows that apply to a role; none if the role does not exist any more.
create function pdoflow.grants_of(p_role text) returns setof pdoflow.grantee
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  return query
    select g.* from pdoflow.grantee g join pg_roles r on r.rolname = p_role
    where pg_has_role(r.oid, g.role, 'usage');
end $$;

create function pdoflow.has_grant(variadic p_kinds text[]) returns boolean language plpgsql stable
security definer set search_path = pg_catalog, pg_temp as $$
begin
  if pdoflow.is_owner() then return true; end if;
  return exists (select from pdoflow.grants_of(pdoflow.caller()) where kind = any (p_kinds));
end $$;

-- The role with the right to call a function of posters may differ from the caller: it may own a
-- function that runs with its rights.
create function pdoflow.require_poster() returns void language plpgsql stable as $$
begin
  if not pdoflow.has_grant('poster') then
    raise exception 'the role % may not post', pdoflow.caller()
      using errcode = 'insufficient_privilege';
  end if;
end $$;

-- Whether the caller sees all postings and their outcomes.
create function pdoflow.sees_all() returns boolean language plpgsql stable
security definer set search_path = pg_catalog, pg_temp as
$$ begin return pdoflow.has_grant('viewer', 'operator'); end $$;

-- Whether the caller runs pools for all roles (T1).
create function pdoflow.runs_all() returns boolean language plpgsql stable
security definer set search_path = pg_catalog, pg_temp as $$
begin
  if pdoflow.is_owner() then return true; end if;
  return exists (
    select from pdoflow.grants_of(pdoflow.caller()) where kind = 'pool' and posters is null);
end $$;

-- Whether the caller can read all postings, as a viewer or to run their jobs.
create function pdoflow.reads_all() returns boolean language plpgsql stable
security definer set search_path = pg_catalog, pg_temp as
$$ begin return pdoflow.sees_all() or pdoflow.runs_all(); end $$;

-- The routes of the caller's own postings.
create function pdoflow.own_routes() returns integer[] language plpgsql stable
security definer set search_path = pg_catalog, pg_temp as $$
begin
  return array(select id from pdoflow.route where poster = pdoflow.caller());
end $$;

-- The roles whose jobs a pool of the caller can run, if it cannot run all (T1).
create function pdoflow.run_posters() returns text[] language plpgsql stable
security definer set search_path = pg_catalog, pg_temp as $$
begin
  return array(
    with serving as (
      select posters from pdoflow.grants_of(pdoflow.caller()) where kind = 'pool')
    select unnest(posters) from serving
    union all select pdoflow.caller() where exists (select from serving));
end $$;

-- The routes of these roles.
create function pdoflow.run_routes() returns integer[] language plpgsql stable
security definer set search_path = pg_catalog, pg_temp as $$
begin
  return array(select id from pdoflow.route where poster = any (pdoflow.run_posters()));
end $$;
