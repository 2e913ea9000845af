-- Postings that jobs post (C1 to C4).

-- The ancestors of a posting, as in "41 > 44 > 50", which is the last one.
create function pdoflow.chain_of(p_posting bigint) returns text language plpgsql stable
set jit = off set enable_seqscan = off as $$
begin
  return (select string_agg(id::text, ' > ' order by distance desc)
          from pdoflow.ancestors(p_posting));
end $$;

-- Raises an error if a job of this posting cannot post another N jobs as its post of this number.
create function pdoflow.require_child_room(p_parent bigint, p_root bigint, p_depth integer,
                                           p_number integer)
returns void language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  if p_depth > 32 then
    raise exception 'expected at most 32 generations of postings that jobs post, found %',
      pdoflow.chain_of(p_parent) using errcode = 'PF005';
  elsif p_number >= 1000 then
    raise exception 'expected at most 1000 calls of post in an attempt, found more: pass several '
      'jobs to each call' using errcode = 'PF005';
  elsif 10000 <= (select count(*) from (
       select from pdoflow.child where root_id = p_root and dropped_at is null limit 10000) all_of)
  then
    raise exception 'expected at most 10000 postings below posting %, found more: pass several '
      'jobs to each call of post', p_root using errcode = 'PF005';
  end if;
end $$;

-- The route of a child: that of its parent, unless its options have other needs or another project,
-- or its parent belongs to a run (R2), whose pool may have ended by then: any pool runs the child.
create function pdoflow.child_route(p_route pdoflow.route, p_options jsonb) returns integer
language plpgsql as $$
declare
  v_needs jsonb := coalesce(p_options -> 'needs', p_route.needs);
  v_project text := case when p_options ? 'project' then pdoflow.project_option(p_options)
                         else p_route.project end;
begin
  if v_needs = p_route.needs and v_project = p_route.project and p_route.run = '' then
    return p_route.id;
  end if;
  return pdoflow.find_route(p_route.poster_os, v_needs, '', v_project, p_route.poster);
end $$;

-- Writes a draft for the running attempt at a job, on behalf of the poster of its posting, and
-- returns its number. Returns the same number if it is called again because the reply was lost.
--   p_number   counts the posts of this attempt, from 0
--   p_text     the jobs, as for add_jobs
create function pdoflow.draft_child(
  p_lease bigint, p_parent bigint, p_seq integer, p_attempt integer, p_number integer,
  p_entry_point text, p_options jsonb, p_text text
) returns bigint language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_id bigint := (
    select posting_id from pdoflow.child
    where parent_id = p_parent and parent_seq = p_seq and attempt = p_attempt
      and lease_id = p_lease and number = p_number);
  v pdoflow.posting;
  v_parent pdoflow.posting;
  v_route pdoflow.route;
  v_limits record;
  v_root bigint;
  v_depth integer;
  v_route_id integer;
begin
  if v_id is not null then return v_id; end if;
  select * into v_parent from pdoflow.posting where id = p_parent;
  select * into v_route from pdoflow.route where id = v_parent.route_id;
  if not pdoflow.may_post(v_route.poster) then
    raise exception 'the role %, which posted %, may not post any more', v_route.poster, p_parent
      using errcode = 'PF005';
  end if;
  select root_id, depth into v_root, v_depth from pdoflow.child where posting_id = p_parent;
  v_root := coalesce(v_root, p_parent);
  v_depth := coalesce(v_depth, 0) + 1;
  perform pdoflow.require_child_room(p_parent, v_root, v_depth, p_number);
  perform pdoflow.require_options(p_options, array['runAt', 'deadline', 'startBy', 'traceparent'],
                                  'a job cannot choose it for the jobs that it posts');
  v := pdoflow.posting_of(p_entry_point, p_options);
  v.id := pdoflow.new_posting_id();
  v_limits := pdoflow.limits_of(v_route.poster, pdoflow.owns(v_route.poster));
  v.job_count := pdoflow.write_jobs(v.id, 0, p_text, null, v_limits.max_argument_bytes);
  if v.job_count not between 1 and 100000 then
    raise exception 'expected 1 to 100000 jobs in a call of post, found %', v.job_count
      using errcode = 'PF005';
  end if;
  v.max_result_bytes := v_limits.max_result_bytes;
  v.max_output_bytes := v_limits.max_output_bytes;
  v.priority := coalesce(
    pdoflow.whole_option('priority', p_options -> 'priority', -2147483648, 2147483647),
    v_parent.override_priority, v_parent.priority, 0);
  perform pdoflow.take_room(v_limits.max_open, v_route.poster);
  v_route_id := pdoflow.child_route(v_route, p_options);
  v.route_id := v_route_id;
  v.is_sorted := false;
  insert into pdoflow.child (posting_id, parent_id, parent_seq, attempt, lease_id, number, root_id,
                             depth, route_id, draft)
  values (v.id, p_parent, p_seq, p_attempt, p_lease, p_number, v_root, v_depth, v_route_id,
          to_jsonb(v));
  return v.id;
end $$;

-- Turns drafts into postings.
create function pdoflow.post_drafts(p_children bigint[]) returns void
language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  if cardinality(p_children) = 0 then return; end if;
  insert into pdoflow.posting
  select p.* from pdoflow.child c cross join lateral jsonb_populate_record(
    null::pdoflow.posting, c.draft || jsonb_build_object('posted_at', now())) as p
  where c.posting_id = any (p_children);
  insert into pdoflow.lane (posting_id, priority, first_seq, end_seq, route_id, state)
  select id, priority, 0, job_count, route_id,
         case when run_at is null then 'open' else 'paused' end::pdoflow.lane_state
  from pdoflow.posting where id = any (p_children);
  update pdoflow.child set posted_at = now(), draft = null where posting_id = any (p_children);
  perform pdoflow.wake(p_children);
end $$;

-- Drops drafts (C1).
create function pdoflow.drop_drafts(p_children bigint[]) returns void
language plpgsql set jit = off set enable_seqscan = off as $$
begin
  if cardinality(p_children) = 0 then return; end if;
  update pdoflow.child set dropped_at = now(), draft = null where posting_id = any (p_children);
  delete from pdoflow.job where posting_id = any (p_children);
end $$;

-- Posts the drafts among p_children whose attempts have been recorded as done, and drops those
-- whose attempts have ended in another way (C1). Children of a cancelled posting are dropped, too.
-- Leaves the drafts of attempts that go on. Call this last in a transaction that records outcomes,
-- for any drafts: what becomes of them follows from the outcomes.
create function pdoflow.decide_drafts(p_children bigint[]) returns void
language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_ids bigint[];
  v_post bigint[];
  v_drop bigint[];
begin
  v_ids := array(select posting_id from pdoflow.child
                 where posting_id = any (p_children) and draft is not null
                 order by posting_id for no key update);
  select coalesce(array_agg(posting_id order by posting_id) filter (where is_done), '{}'),
         coalesce(array_agg(posting_id) filter (where not is_done), '{}')
  into v_post, v_drop
  from (
    select c.posting_id,
           case when o.end_seq > c.parent_seq then
             o.state = 'done' and o.lease_id = c.lease_id and p.state <> 'cancelled'
             -- Without an outcome, and without a lease under which it could come.
             when not exists (select from pdoflow.lease l
                              where l.id = c.lease_id and case when l.active then true end)
               then false end as is_done
    from pdoflow.child c
      left join lateral (
        select end_seq, state, lease_id from pdoflow.outcome_run
        where posting_id = c.parent_id and attempt = c.attempt and first_seq <= c.parent_seq
        order by first_seq desc limit 1) o on true
      left join pdoflow.posting p on p.id = c.parent_id
    where c.posting_id = any (v_ids)) d;
  perform pdoflow.drop_drafts(v_drop);
  perform pdoflow.post_drafts(v_post);
end $$;

-- Drops up to p_limit drafts whose lease has ended: their pool died, or reported the end of the
-- attempt before it had the answer to the post. Skips locked ones. Returns their number.
create function pdoflow.drop_dead_drafts(p_limit integer, p_routes integer[]) returns integer
language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_ids bigint[];
begin
  v_ids := array(
    select posting_id from pdoflow.child c
    where draft is not null and (p_routes is null or route_id = any (p_routes))
      and not exists (select from pdoflow.lease l
                              where l.id = c.lease_id and case when l.active then true end)
    order by posting_id limit p_limit for no key update skip locked);
  perform pdoflow.drop_drafts(v_ids);
  return cardinality(v_ids);
end $$;
