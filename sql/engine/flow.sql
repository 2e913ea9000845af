-- Flows (F1 to F3): their rows, and the newest posting of each stage.

-- A new flow of the caller, or the one that already has its key. The options are key, osUser, onEnd
-- and onFailure.
create function pdoflow.start_flow(
  p_name text, p_options jsonb, out flow_id bigint, out is_new boolean
) language plpgsql as $$
#variable_conflict use_column
declare
  v_key text := pdoflow.text_option(
    'key', coalesce(p_options -> 'key', 'null'),
    length(p_options ->> 'key') between 1 and 500, '1 to 500 characters');
  v_os_user text := coalesce(pdoflow.text_option(
    'osUser', coalesce(p_options -> 'osUser', 'null'),
    octet_length(p_options ->> 'osUser') <= 100, 'a name of at most 100 bytes'), '');
begin
  perform pdoflow.require_poster();
  perform pdoflow.require_name(p_name);
  loop
    insert into pdoflow.flow (name, poster, poster_os, key, on_end, on_failure)
    values (p_name, pdoflow.caller(), v_os_user, v_key,
            pdoflow.receivers_option('onEnd', coalesce(p_options -> 'onEnd', 'null')),
            pdoflow.receivers_option('onFailure', coalesce(p_options -> 'onFailure', 'null')))
    on conflict (poster, poster_os, key) where key is not null do nothing
    returning id into flow_id;
    is_new := flow_id is not null;
    exit when is_new;
    select id into flow_id from pdoflow.flow
    where poster = pdoflow.caller() and poster_os = v_os_user and key = v_key;
    exit when found; -- else it was pruned between the two statements
  end loop;
end $$;

-- The flow of a posting option, which is the caller's. The lock keeps it from being pruned (F3).
create function pdoflow.flow_option(p_value jsonb) returns bigint language plpgsql as $$
declare
  v_flow bigint := pdoflow.whole_option('flowId', p_value, 1, 9007199254740991);
begin
  if v_flow is null then return null; end if;
  perform from pdoflow.flow
  where id = v_flow and (poster = pdoflow.caller() or pdoflow.is_owner()) for key share;
  if not found then
    raise exception 'the role % has no flow %', pdoflow.caller(), v_flow using errcode = 'PF003';
  end if;
  return v_flow;
end $$;

-- The newest posting of each stage of some flows (F2).
create function pdoflow.stages_of(p_flows bigint[]) returns setof pdoflow.posting
language sql stable as $$
  select distinct on (flow_id, stage) * from pdoflow.posting
  where flow_id = any (p_flows) order by flow_id, stage, id desc
$$;

-- Deletes up to p_limit flows without postings; returns their number. As in prune_routes, the
-- deletion is a separate statement after the locks.
create function pdoflow.prune_flows(p_limit integer) returns integer language plpgsql as $$
declare
  v_ids bigint[];
  v_gone integer;
begin
  v_ids := array(
    select id from pdoflow.flow f
    where not exists (select from pdoflow.posting p where p.flow_id = f.id)
    order by id limit p_limit for update skip locked);
  delete from pdoflow.flow f where id = any (v_ids)
    and not exists (select from pdoflow.posting p where p.flow_id = f.id);
  get diagnostics v_gone = row_count;
  return v_gone;
end $$;
