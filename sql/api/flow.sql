-- Flows, from SQL, the command line and the library (docs/flows.md): begin_flow, then postings with
-- the options flowId and stage, then end_flow, in one transaction.

-- Begins a flow; the options are key, osUser, onEnd and onFailure. If its key was posted before,
-- is_new is false: then do not post.
create function pdoflow.begin_flow(
  p_name text, p_options jsonb default '{}', out flow_id bigint, out is_new boolean
) language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  select s.flow_id, s.is_new into begin_flow.flow_id, begin_flow.is_new
  from pdoflow.start_flow(p_name, p_options) s;
end $$;

-- Locks a flow of the caller, to post more of it in this transaction; returns its spec.
create function pdoflow.continue_flow(p_flow bigint) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_spec jsonb;
begin
  select spec into v_spec from pdoflow.flow
  where id = p_flow and (poster = pdoflow.caller() or pdoflow.is_owner()) for no key update;
  if not found then
    raise exception 'the role % has no flow %', pdoflow.caller(), p_flow using errcode = 'PF003';
  end if;
  return v_spec;
end $$;

-- Stores the spec of a flow of the caller: an object, for later comparison.
create function pdoflow.end_flow(p_flow bigint, p_spec jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.continue_flow(p_flow);
  update pdoflow.flow set spec = p_spec where id = p_flow;
end $$;

create view pdoflow.flows with (security_barrier) as
select f.id, f.name, f.poster, f.poster_os, f.key, f.posted_at, s.stages, s.unfinished, s.failed
from pdoflow.flow f
  cross join lateral (
    select count(*)::integer as stages,
           count(*) filter (where ended_at is null)::integer as unfinished,
           count(*) filter (where failed > 0 or state = 'errored_out')::integer as failed
    from pdoflow.stages_of(array[f.id])) s
where (select pdoflow.sees_all()) or f.poster = (select pdoflow.caller());
comment on view pdoflow.flows is
'One row: a flow that the caller can see, with the number of its stages, of stages that have not
ended, and of stages with failed jobs that have ended or were stopped.';
