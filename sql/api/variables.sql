-- Shared variables (docs/sql.md).

-- A variable of the caller, or a global one (V1); null if there is none.
create function pdoflow.get_variable(p_name text) returns jsonb language sql stable
security definer set search_path = pg_catalog, pg_temp as $$
  select value from pdoflow.variable
  where name = p_name and owner in ('', pdoflow.caller()) order by owner desc limit 1
$$;

create function pdoflow.variable_owner() returns text language sql stable as
$$ select case when pdoflow.has_grant('operator') then '' else pdoflow.caller() end $$;

-- Raises an error for a name or value that is too long, or if the role has the maximum number of
-- variables.
create function pdoflow.require_variable(p_name text, p_value jsonb) returns void
language plpgsql as $$
declare
  v_owner text := pdoflow.variable_owner();
  v_limit integer := case v_owner when '' then 10000 else 1000 end;
begin
  if coalesce(trim(p_name), '') = '' or length(p_name) > 200 or p_value is null then
    raise exception 'expected a name of 1 to 200 characters and a value of a variable, found % '
      'and %', coalesce(quote_literal(left(p_name, 210)), 'null'),
      coalesce(left(p_value::text, 210), 'null (a value may be ''null''::jsonb)')
      using errcode = 'PF002';
  end if;
  if octet_length(p_value::text) > 1024 * 1024 then
    raise exception 'expected at most 1 MiB as the value of a variable, found % bytes: keep large '
      'data in files, and their names in variables', octet_length(p_value::text)
      using errcode = 'PF002';
  end if;
  if not exists (select from pdoflow.variable where name = p_name and owner = v_owner)
     and v_limit <= (select count(*) from pdoflow.variable where owner = v_owner) then
    raise exception 'expected at most % variables of %, found that number: delete some', v_limit,
      case v_owner when '' then 'everybody' else 'the role ' || v_owner end
      using errcode = 'PF001';
  end if;
end $$;

create function pdoflow.set_variable(p_name text, p_value jsonb) returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_variable(p_name, p_value);
  insert into pdoflow.variable (name, owner, value)
  values (p_name, pdoflow.variable_owner(), p_value)
  on conflict (name, owner) do update set value = excluded.value, updated_at = now();
end $$;

-- Returns whether it existed.
create function pdoflow.delete_variable(p_name text) returns boolean language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  delete from pdoflow.variable where name = p_name and owner = pdoflow.variable_owner();
  return found;
end $$;

-- Sets a variable if the caller still sees p_old, null for none. Returns whether it was set.
create function pdoflow.swap_variable(p_name text, p_old jsonb, p_new jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if pdoflow.get_variable(p_name) is distinct from p_old then return false; end if;
  perform pdoflow.require_variable(p_name, p_new);
  -- Others that swap at the same moment have changed or created the row by then.
  insert into pdoflow.variable as v (name, owner, value)
  values (p_name, pdoflow.variable_owner(), p_new)
  on conflict (name, owner) do update set value = excluded.value, updated_at = now()
  where v.value = p_old;
  return found;
end $$;
