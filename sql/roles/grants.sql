-- Granting and revoking. kind_reads and kind_calls list what a kind of role can read and call; only
-- the owner can use anything else. migrate() calls apply_grants after the last migration: roles
-- with a grant get access to new functions and tables, other roles do not.

-- The relations that a kind of role can read.
create function pdoflow.kind_reads(p_kind text) returns text[] language sql immutable return
  case p_kind
    when 'pool' then array['migration', 'route', 'posting', 'lane', 'job', 'progress', 'lease',
                           'pool', 'refusal', 'edge', 'flow', 'child']
    when 'scaler' then array['migration'] -- commands check the version of the schema
    else array['migration', 'route', 'posting', 'lane', 'job', 'progress', 'lease', 'pool',
               'outcome_run', 'outcome', 'retry', 'permit', 'variable', 'job_status', 'failure',
               'tally', 'usage_hour', 'profile', 'refusal', 'job_order', 'edge', 'flow', 'child',
               'postings', 'jobs', 'outcomes', 'failures', 'pools', 'schedule', 'fire',
               'schedules', 'fires', 'flows', 'edges']
  end;

-- The functions that a kind of role can call. Functions that run as the owner check the caller.
create function pdoflow.kind_calls(p_kind text) returns text[] language sql immutable return
  array['desired', 'desired_slots', 'desired_pools'] ||
  case when p_kind = 'scaler' then '{}' else
  array['caller', 'is_owner', 'has_grant', 'sees_all', 'runs_all', 'reads_all', 'own_routes',
        'run_routes', 'refusal_of', 'lane_cursor', 'block_of', 'lines_of',
        'max_bytes_of', 'over_lines', 'over_bytes', 'over_end',
        'sweep_lines', 'sweep_parts', 'sweep_number',
        'tolerated', 'has_begun', 'obstacle_of', 'edges_above', 'obstacles', 'obstacles_of',
        'blocked_of', 'is_blocked', 'edge_states',
        'ancestors', 'tree_ids', 'tree_of', 'faults_below', 'skip_root'] end ||
  case p_kind
    when 'scaler' then '{}'
    when 'pool' then array['listen', 'share_of', 'pool_routes', 'pool_heads',
                           'pool_keep_room',
                           'pool_register', 'pool_heartbeat', 'pool_listens', 'pool_drain',
                           'pool_end', 'pool_claim', 'pool_claim_single',
                           'pool_runnable', 'pool_record', 'pool_draft',
                           'pool_release', 'pool_is_claiming',
                           'pool_release_unknown', 'pool_next_ms', 'pool_start_due',
                           'pool_fire_due', 'pool_prune_due',
                           'pool_end_prune', 'pool_finish', 'pool_settle', 'pool_job_holders',
                           'pool_at_rest', 'pool_notify', 'pool_notify_flow',
                           'pool_fold', 'pool_finish_stragglers', 'pool_rescue',
                           'pool_stop_posting', 'pool_report', 'pool_usage', 'pool_show',
                           'pool_profile', 'pool_signatures', 'pool_block', 'pool_refuse',
                           'pool_retract', 'pool_upstream']
    else array['running_jobs', 'ranges_of', 'fingerprint', 'failed_jobs', 'seqs_of',
               'index_of', 'runs_of', 'usage_group', 'each_outcome', 'runs_between', 'has_ended',
               'jobs_between', 'waiting_between', 'skips_between', 'jobs',
               'next_times', 'notifications_of', 'schedule_obstacle', 'prunes',
               'limit_room', 'status', 'stages_of', 'get_variable', 'follow', 'upstream_of',
               'read_results', 'posting_usage']
  end ||
  case p_kind
    when 'poster' then array['post', 'post_batch', 'post_sweep', 'begin_posting', 'add_jobs',
                             'add_sweep', 'end_posting', 'sign_posting', 'next_span',
                             'schedule', 'schedule_flow',
                             'begin_flow', 'continue_flow', 'end_flow']
    else '{}' end ||
  case when p_kind in ('poster', 'operator')
    then array['pause', 'resume', 'cancel', 'retry', 'unblock', 'set_limits', 'set_priority',
               'set_variable', 'delete_variable', 'swap_variable', 'pause_schedule',
               'delete_schedule', 'run_schedule', 'backfill_schedule']
    else '{}' end ||
  case p_kind when 'operator' then array['drain_pools'] else '{}' end;

-- The statements that give a role the rights of a kind. With this search_path, names are qualified.
create function pdoflow.grant_statements(p_role text, p_kind text) returns setof text
language sql stable set search_path = pg_catalog, pg_temp as $$
  with home as (select relnamespace as oid from pg_class where oid = 'pdoflow.posting'::regclass)
  select format('grant usage on schema %s to %I', oid::regnamespace, p_role) from home
  union all
  -- running_jobs returns the running jobs of pools.
  select case when c.relname = 'pool' then
      format('grant select (%s) on %s to %I', (
        select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
        where attrelid = c.oid and attnum > 0 and not attisdropped and attname <> 'running'),
        c.oid::regclass, p_role)
    else format('grant select on %s to %I', c.oid::regclass, p_role) end
  from pg_class c, home
  where c.relnamespace = home.oid and c.relname = any (pdoflow.kind_reads(p_kind))
  union all
  select format('grant execute on function %s to %I', p.oid::regprocedure, p_role)
  from pg_proc p, home
  where p.pronamespace = home.oid and p.proname = any (pdoflow.kind_calls(p_kind))
$$;

create function pdoflow.revoke_statements(p_role text) returns setof text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format('revoke all on %s in schema %s from %I', what.kind, relnamespace::regnamespace,
                p_role)
  from pg_class, unnest(array['all tables', 'all functions', 'all sequences']) as what (kind)
  where oid = 'pdoflow.posting'::regclass
  union all
  select format('revoke all on schema %s from %I', relnamespace::regnamespace, p_role)
  from pg_class where oid = 'pdoflow.posting'::regclass
$$;

-- Derives the grants of the server from the table grantee. Grants to other roles stay.
create function pdoflow.apply_grants() returns void language plpgsql as $$
declare
  v_statement text;
begin
  -- Otherwise every role with a right to the schema could call new functions.
  for v_statement in
    select format('revoke all on function %s from public', oid::regprocedure) from pg_proc
    where pronamespace = (select relnamespace from pg_class
                          where oid = 'pdoflow.posting'::regclass)
      and (proacl is null or exists (select from aclexplode(proacl) where grantee = 0))
    union all
    select s from pdoflow.grantee g join pg_roles r on r.oid = g.role
      cross join lateral pdoflow.grant_statements(r.rolname, g.kind) s
  loop
    execute v_statement;
  end loop;
end $$;

-- The statements that grant a kind to a role, with the limits of p_row, or revoke it: revoking
-- takes all rights and then grants those of its other kinds again.
create function pdoflow.change_statements(p_role text, p_row pdoflow.grantee, p_revokes boolean)
returns setof text language sql stable as $$
  select case when p_revokes then
    format('delete from pdoflow.grantee where role = %L::regrole and kind = %L',
           quote_ident(p_role), p_row.kind)
  else
    format('insert into pdoflow.grantee as g (role, kind, posters, share, max_open, '
           'max_argument_bytes, max_result_bytes, max_output_bytes) '
           'values (%L, %L, %L, %s, %s, %s, %s, %s) on conflict (role, kind) do update '
           'set posters = excluded.posters, share = excluded.share, '
           'max_open = excluded.max_open, max_argument_bytes = excluded.max_argument_bytes, '
           'max_result_bytes = excluded.max_result_bytes, '
           'max_output_bytes = excluded.max_output_bytes',
           quote_ident(p_role), p_row.kind, p_row.posters, p_row.share,
           coalesce(p_row.max_open::text, 'null'),
           coalesce(p_row.max_argument_bytes::text, 'null'),
           coalesce(p_row.max_result_bytes::text, 'null'),
           coalesce(p_row.max_output_bytes::text, 'null')) end
  union all
  select s from pdoflow.revoke_statements(p_role) s where p_revokes
  union all
  select s from pdoflow.grantee g join pg_roles r on r.oid = g.role
    cross join lateral pdoflow.grant_statements(p_role, g.kind) s
  where r.rolname = p_role and g.kind <> p_row.kind and p_revokes
  union all
  select s from pdoflow.grant_statements(p_role, p_row.kind) s where not p_revokes
$$;

-- Raises an error for a role to which nothing can be granted.
create function pdoflow.require_grantable(p_role text) returns void language plpgsql as $$
begin
  if to_regrole(quote_ident(p_role)) is null then
    raise exception 'the role "%" does not exist: create it first, with CREATE ROLE', p_role
      using errcode = 'PF003';
  end if;
  if exists (select from pg_roles where rolname = p_role and rolsuper)
     or to_regrole(quote_ident(p_role)) = (
       select relowner from pg_class where oid = 'pdoflow.posting'::regclass) then
    raise exception 'the role "%" is the owner of the queue or a superuser, and has all rights',
      p_role using errcode = 'PF002';
  end if;
end $$;

-- The statements that make a role the owner of everything in the schema.
create function pdoflow.owner_statements(p_role text) returns setof text
language sql stable set search_path = pg_catalog, pg_temp as $$
  with home as (select relnamespace as oid from pg_class where oid = 'pdoflow.posting'::regclass)
  select format('delete from pdoflow.grantee where role = %L::regrole', quote_ident(p_role))
  union all
  select format('alter schema %s owner to %I', oid::regnamespace, p_role) from home
  union all
  select format('alter %s %s owner to %I',
                case relkind when 'v' then 'view' else 'table' end, c.oid::regclass, p_role)
  from pg_class c, home where c.relnamespace = home.oid and relkind in ('r', 'p', 'v')
  union all
  select format('alter function %s owner to %I', p.oid::regprocedure, p_role)
  from pg_proc p, home where p.pronamespace = home.oid
  union all
  select format('alter type %s owner to %I', t.oid::regtype, p_role)
  from pg_type t left join pg_class c on c.oid = t.typrelid, home
  where t.typnamespace = home.oid and t.typelem = 0
    and (t.typtype = 'e' or c.relkind = 'c')
$$;

-- Grants p_row.kind to a role, or revokes it; the kind 'owner' transfers the queue.
create function pdoflow.change_grants(p_role text, p_row pdoflow.grantee, p_revokes boolean)
returns void language plpgsql as $$
declare
  v_statement text;
begin
  perform pdoflow.require_grantable(p_role);
  for v_statement in
    select * from pdoflow.change_statements(p_role, p_row, p_revokes) where p_row.kind <> 'owner'
    union all select * from pdoflow.owner_statements(p_role) where p_row.kind = 'owner'
  loop
    execute v_statement;
  end loop;
end $$;
