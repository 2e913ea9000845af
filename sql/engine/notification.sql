-- Notifications (P18, F4): a posting or a flow that comes to rest is reported to its receivers.
-- Each notification is a posting of one job, so it is durable, retried and visible like any other.
-- Pools with --notify-from run these jobs. Their arguments have all that is sent.

-- The entry point of notifications. Nobody can post it, because it has no "#".
create function pdoflow.notification_entry_point() returns text language sql immutable return
  'pdoflow:notify';

-- What a pool must provide to notify a receiver.
create function pdoflow.receiver_needs(p_receiver text) returns jsonb language sql immutable return
  jsonb_build_array(jsonb_build_array('notify.' || p_receiver, 'has'));

-- How a posting, with the postings of its jobs (C2), came to rest, so that it does not go on until
-- a person changes something; null if it goes on.
create function pdoflow.rest_of(p_posting pdoflow.posting) returns text
language plpgsql stable set jit = off set enable_seqscan = off as $$
declare
  v_tree pdoflow.posting := pdoflow.tree_of(p_posting);
begin
  return case
    when v_tree.ended_at is not null then case
      when v_tree.state = 'cancelled' then 'cancelled'
      when v_tree.failed > 0 then 'failed'
      else 'done' end
    when v_tree.state = 'errored_out' then case
      when not pdoflow.has_lease(p_posting.id) then 'stopped' end
    -- If it waits for a failure that did not happen, it is not needed.
    when p_posting.waits and p_posting.if_blocked = 'hold' and exists (
      select from pdoflow.obstacles(p_posting.id) where has_ended and kind <> 'failed')
      then 'blocked' end;
end $$;

-- Whether a pool has jobs of a posting, or of the postings of its jobs.
create function pdoflow.has_lease(p_posting bigint) returns boolean language plpgsql stable as $$
declare
  v_tree bigint[] := pdoflow.tree_ids(p_posting);
begin
  return exists (select from pdoflow.lease where active and posting_ids && v_tree);
end $$;

-- Whether a posting that came to rest like this has failed: a person who cancels it knows.
create function pdoflow.is_failure(p_posting pdoflow.posting, p_rest text) returns boolean
language sql immutable return
  p_rest in ('failed', 'stopped', 'blocked') or p_rest = 'cancelled' and p_posting.gave_up;

-- How a flow came to rest, and whether it failed; null if something of it goes on. As in
-- src/domain/flow-status.ts.
create function pdoflow.rest_of_flow(p_flow bigint, out rest text, out is_failure boolean)
language plpgsql stable set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v pdoflow.posting;
  v_rest text;
  v_stuck bigint[] := '{}';
  v_unneeded bigint[] := '{}';
  v_above bigint[];
  v_is_tolerated boolean;
  v_worst text[] := '{}';
begin
  is_failure := false;
  for v in select * from pdoflow.stages_of(array[p_flow]) order by id loop -- upstreams first (W1)
    v_rest := pdoflow.rest_of(v);
    if v_rest in ('stopped', 'blocked') then
      v_stuck := v_stuck || v.id;
    elsif v_rest is null then
      v_above := array(
        select upstream_id from pdoflow.edge
        where posting_id = v.id and (met_at is null and not lapsed or feeds));
      if cardinality(v_above) = 0 or v.state <> 'open' or not v.waits and (
           pdoflow.has_lease(v.id) or exists (
             select from pdoflow.retry where posting_id = v.id)) then
        return;
      elsif v_above && v_stuck then
        v_stuck := v_stuck || v.id;
      elsif v_above && v_unneeded or v.if_blocked = 'hold' and exists (
              select from pdoflow.obstacles(v.id) where has_ended) then
        v_unneeded := v_unneeded || v.id;
      else
        return;
      end if;
    else
      v_is_tolerated := (
        select bool_and(e.met_at is not null)
        from pdoflow.edge e join pdoflow.posting d on d.id = e.posting_id
        where e.upstream_id = v.id and e.kind = 'after' and d.flow_id = p_flow);
      if v_is_tolerated is not true then v_worst := v_worst || v_rest; end if;
    end if;
    is_failure := is_failure
      or pdoflow.is_failure(v, v_rest) and v_is_tolerated is not true;
  end loop;
  is_failure := is_failure or cardinality(v_stuck) > 0;
  rest := case when cardinality(v_stuck) > 0 then 'stuck'
               when 'failed' = any (v_worst) then 'failed'
               when 'cancelled' = any (v_worst) then 'cancelled'
               else 'done' end;
end $$;

-- A text that differs if the stages of a flow have gone on since (F4).
create function pdoflow.flow_mark(p_flow bigint) returns text language sql stable as $$
  select concat_ws('.', max(id), sum(reopened), count(ended_at)) from pdoflow.posting
  where flow_id = p_flow
$$;

-- The three largest groups of failures of postings.
create function pdoflow.top_failures(p_postings bigint[]) returns jsonb language sql stable
set jit = off set enable_seqscan = off as $$
  select coalesce(jsonb_agg(jsonb_build_object('fingerprint', fingerprint, 'count', jobs,
                                               'name', name, 'message', message)
                            order by jobs desc, fingerprint), '[]')
  from (
    select fingerprint, sum(jobs) as jobs, max(name) as name,
           (array_agg(message order by last_at desc nulls last)
              filter (where message is not null))[1] as message
    from pdoflow.failure where posting_id = any (p_postings)
    group by fingerprint having sum(jobs) > 0 order by sum(jobs) desc, fingerprint limit 3) f
$$;

-- The numbers of jobs of postings.
create function pdoflow.job_totals(p_postings bigint[]) returns jsonb language sql stable
set jit = off set enable_seqscan = off as $$
  select jsonb_build_object('total', sum(p.job_count), 'done', sum(p.done + g.done),
                            'failed', sum(p.failed + g.failed),
                            'cancelled', sum(p.cancelled + g.cancelled))
  from pdoflow.posting p cross join lateral (
    select coalesce(sum(done), 0) as done, coalesce(sum(failed), 0) as failed,
           coalesce(sum(cancelled), 0) as cancelled
    from pdoflow.progress where posting_id = p.id) g
  where p.id = any (p_postings)
$$;

-- A moment as JSON has it.
create function pdoflow.iso_time(p_at timestamptz) returns text language sql immutable return
  to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- What both kinds of notifications have.
create function pdoflow.rest_times(p_posted_at timestamptz, p_ended_at timestamptz) returns jsonb
language sql stable return
  jsonb_build_object(
    'postedAt', pdoflow.iso_time(p_posted_at),
    'endedAt', pdoflow.iso_time(coalesce(p_ended_at, now())),
    'durationMs', floor(extract(epoch from coalesce(p_ended_at, now()) - p_posted_at) * 1000));

-- What is sent about a posting that came to rest; docs/notifications.md describes it.
create function pdoflow.posting_report(p_posting pdoflow.posting, p_rest text) returns jsonb
language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  return jsonb_build_object(
    'kind', 'posting', 'id', p_posting.id, 'name', p_posting.name,
    'flow', (select jsonb_build_object('id', id, 'name', name) from pdoflow.flow
             where id = p_posting.flow_id),
    'stage', p_posting.stage, 'schedule', p_posting.schedule,
    'scheduledAt', pdoflow.iso_time(p_posting.scheduled_at),
    'entryPoint', p_posting.entry_point, 'command', p_posting.command,
    'state', p_rest, 'reason', coalesce(p_posting.reason, case p_rest
      when 'blocked' then (
        select string_agg(distinct reason, '; ') from pdoflow.obstacles(p_posting.id))
      when 'failed' then (
        select format('jobs were skipped because of %s: %s', pdoflow.skip_root(posting_id), skipped)
        from pdoflow.edge where posting_id = p_posting.id and skipped > 0 limit 1) end),
    'jobs', pdoflow.job_totals(pdoflow.tree_ids(p_posting.id)),
    'failures', pdoflow.top_failures(pdoflow.tree_ids(p_posting.id)),
    'ending', p_posting.reopened + 1)
    || pdoflow.rest_times(p_posting.posted_at, p_posting.ended_at);
end $$;

-- What is sent about a flow that came to rest.
create function pdoflow.flow_report(p_flow pdoflow.flow, p_rest text) returns jsonb
language plpgsql stable set jit = off set enable_seqscan = off as $$
declare
  v_stages pdoflow.posting[] := array(
    select s from pdoflow.stages_of(array[p_flow.id]) s order by s.id);
  v_ids bigint[] := array(
    select t.id from unnest(v_stages) s cross join lateral unnest(pdoflow.tree_ids(s.id)) t (id));
begin
  return jsonb_build_object(
    'kind', 'flow', 'id', p_flow.id, 'name', p_flow.name, 'state', p_rest,
    'stages', (
      select jsonb_agg(jsonb_build_object(
        'stage', (x.s).stage, 'posting', (x.s).id,
        'state', coalesce(pdoflow.rest_of(x.s), 'waiting'),
        'failed', pdoflow.job_totals(pdoflow.tree_ids((x.s).id)) -> 'failed') order by (x.s).id)
      from (select s from unnest(v_stages) s order by s.failed desc, s.id limit 50) x),
    'jobs', pdoflow.job_totals(v_ids), 'failures', pdoflow.top_failures(v_ids),
    'ending', p_flow.endings + 1)
    || pdoflow.rest_times(p_flow.posted_at, (
         select case when bool_and(ended_at is not null) then max(ended_at) end
         from pdoflow.posting where id = any (v_ids)));
end $$;

-- Posts a notification for each receiver, unless that was done. The numbers are new ones. It is
-- sent before other jobs, and dropped after a week without a pool that sends it. It needs no room
-- among the open postings of its poster (T3).
create function pdoflow.post_notifications(
  p_poster text, p_poster_os text, p_receivers text[], p_ids bigint[], p_report jsonb
) returns integer language plpgsql as $$
declare
  v pdoflow.posting := pdoflow.posting_of('pdoflow.ts#notify', '{}');
  v_about text := format('%s/%s/%s', p_report ->> 'kind', p_report ->> 'id',
                         p_report ->> 'ending');
  v_posted integer := 0;
begin
  v.entry_point := pdoflow.notification_entry_point();
  v.job_count := 1;
  v.max_attempts := 8;
  v.backoff_ms := 30000;
  v.timeout_ms := 60000;
  v.priority := 1000;
  v.is_sorted := false;
  v.deadline := now() + interval '7 days';
  for i in 1..cardinality(p_receivers) loop
    v.id := p_ids[i];
    v.name := 'notify-' || p_receivers[i];
    insert into pdoflow.posting_key (poster, poster_os, key, posting_id)
    values (p_poster, p_poster_os, format('notification/%s/%s', v_about, p_receivers[i]), v.id)
    on conflict do nothing;
    continue when not found;
    perform pdoflow.write_jobs(v.id, 0, jsonb_build_array(
      p_receivers[i], replace(v_about, '/', '-') || '-' || left(gen_random_uuid()::text, 8),
      p_report)::text, null, null);
    v.route_id := pdoflow.find_route(p_poster_os, pdoflow.receiver_needs(p_receivers[i]), '', '',
                                     p_poster);
    insert into pdoflow.posting select v.*;
    insert into pdoflow.lane (posting_id, priority, first_seq, end_seq, route_id, state)
    values (v.id, v.priority, 0, 1, v.route_id, 'open');
    perform pdoflow.wake(array[v.id]);
    v_posted := v_posted + 1;
  end loop;
  return v_posted;
end $$;

-- The receivers of a notification, sorted.
create function pdoflow.receivers_of(p_on_end text, p_on_failure text, p_is_failure boolean)
returns text[] language sql immutable return array(
  select distinct receiver from string_to_table(
    concat_ws(',', p_on_end, case when p_is_failure then p_on_failure end), ',') as r (receiver)
  order by receiver);

-- Notifies the receivers of a posting that came to rest; returns the number of notifications. The
-- locks are in the order of posting. If it has gone on in the meantime, nothing is posted.
create function pdoflow.notify_posting(p_posting bigint) returns integer
language plpgsql set jit = off set enable_seqscan = off as $$
declare
  v pdoflow.posting;
  v_route pdoflow.route;
  v_rest text;
  v_receivers text[];
  v_posted integer := 0;
begin
  select * into v from pdoflow.posting where id = p_posting and notified < reopened;
  if not found then return 0; end if;
  v_rest := pdoflow.rest_of(v);
  if v_rest is null then return 0; end if;
  if v_rest = 'done' and (pdoflow.tree_of(v)).cancelled > 0 then
    v_rest := 'failed'; -- jobs were skipped (E3)
  end if;
  select * into v_route from pdoflow.route where id = v.route_id;
  v_receivers := case when pdoflow.may_post(v_route.poster) then pdoflow.receivers_of(
    v.on_end, v.on_failure, pdoflow.is_failure(v, v_rest)) else '{}' end;
  if cardinality(v_receivers) > 0 then
    v_posted := pdoflow.post_notifications(
      v_route.poster, v_route.poster_os, v_receivers,
      array(select pdoflow.new_posting_id() from unnest(v_receivers)),
      pdoflow.posting_report(v, v_rest));
  end if;
  update pdoflow.posting set notified = v.reopened
  where id = v.id and reopened = v.reopened and waits = v.waits
    and (ended_at is null) = (v.ended_at is null);
  if not found then
    raise exception 'posting % has gone on', v.id using errcode = 'serialization_failure';
  end if;
  return v_posted;
end $$;

-- The same for a flow; null if another transaction has locked it. If something of it goes on, the
-- end of that leads here again.
create function pdoflow.notify_flow(p_flow bigint) returns integer
language plpgsql set jit = off set enable_seqscan = off as $$
declare
  v pdoflow.flow;
  v_rest record;
  v_mark text;
  v_receivers text[];
  v_posted integer := 0;
begin
  select * into v from pdoflow.flow
  where id = p_flow for no key update skip locked;
  if not found then return null; end if;
  if coalesce(v.on_end, v.on_failure) is null then return 0; end if;
  v_rest := pdoflow.rest_of_flow(p_flow);
  v_mark := pdoflow.flow_mark(p_flow);
  if v_rest.rest is null or v.notified = v_mark then return 0; end if;
  v_receivers := case when pdoflow.may_post(v.poster) then pdoflow.receivers_of(
    v.on_end, v.on_failure, v_rest.is_failure) else '{}' end;
  if cardinality(v_receivers) > 0 then
    v_posted := pdoflow.post_notifications(
      v.poster, v.poster_os, v_receivers,
      array(select pdoflow.new_posting_id() from unnest(v_receivers)),
      pdoflow.flow_report(v, v_rest.rest));
  end if;
  update pdoflow.flow set notified = v_mark, endings = endings + 1 where id = p_flow;
  return v_posted;
end $$;

-- The next postings that may be at rest since their last notification, with their flows: the ones
-- that ended or stopped, and up to 100 after p_after that wait. With p_routes, only of these
-- routes.
create function pdoflow.postings_at_rest(
  p_after bigint, p_routes integer[], out posting_id bigint, out flow_id bigint,
  out waits boolean
) returns setof record language plpgsql stable set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  return query
    (select id, flow_id, false from pdoflow.posting
     where notified < reopened and (ended_at is not null or state = 'errored_out')
       and (p_routes is null or route_id = any (p_routes))
     order by id limit 1000)
    union all
    (select id, flow_id, true from pdoflow.posting
     where notified < reopened and waits and ended_at is null and id > p_after
       and (p_routes is null or route_id = any (p_routes))
     order by id limit 100);
end $$;
