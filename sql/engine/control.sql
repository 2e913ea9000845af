-- Pausing, resuming and cancelling postings, and changing their priority.

-- Stops open postings (p_state: paused or errored_out): none of their jobs is claimed until they
-- are resumed. Returns the stopped postings.
create function pdoflow.pause_postings(
  p_postings bigint[], p_state pdoflow.posting_state, p_reason text)
returns bigint[] language plpgsql as $$
#variable_conflict use_column
declare
  v_ids bigint[];
begin
  -- Waits for outcomes with retries that are being recorded; the statements below see them.
  v_ids := array(select id from pdoflow.posting
                 where id = any (p_postings) and state = 'open' and ended_at is null
                 order by id for no key update);
  update pdoflow.posting set state = p_state, reason = left(p_reason, 1000)
  where id = any (v_ids);
  update pdoflow.lane set state = 'paused' where posting_id = any (v_ids) and state = 'open';
  update pdoflow.retry set due_at = 'infinity' where posting_id = any (v_ids);
  perform pg_notify('pdoflow.changed', id::text) from unnest(v_ids) as id;
  if p_state = 'errored_out' then perform pdoflow.notify_downstream(v_ids); end if;
  return v_ids;
end $$;

-- Resumes paused and errored out postings. Returns the resumed postings.
create function pdoflow.resume_postings(p_postings bigint[]) returns bigint[] language plpgsql as $$
#variable_conflict use_column
declare
  v_ids bigint[];
begin
  v_ids := array(select id from pdoflow.posting
                 where id = any (p_postings) and state in ('paused', 'errored_out')
                   and ended_at is null
                 order by id for no key update);
  update pdoflow.posting
  set state = 'open', reason = null, reopened = reopened + (state = 'errored_out')::integer,
      run_at = case when run_at > now() then run_at end
  where id = any (v_ids);
  update pdoflow.lane set state = 'open'
  where posting_id = any (v_ids) and state = 'paused' and not exists (
    select from pdoflow.posting p
    where p.id = posting_id and (p.run_at is not null or p.waits));
  update pdoflow.retry set due_at = now()
  where posting_id = any (v_ids) and due_at = 'infinity' and not exists (
    select from pdoflow.posting p
    where p.id = posting_id and (p.run_at is not null or p.waits));
  perform pg_notify('pdoflow.posted', id::text) from unnest(v_ids) as id;
  return v_ids;
end $$;

-- Deletes the refusals of postings, so that pools check them again. Returns the open postings among
-- them.
create function pdoflow.clear_refusals(p_postings bigint[]) returns bigint[] language plpgsql as $$
declare
  v_ids bigint[];
begin
  with gone as (
    delete from pdoflow.refusal where id in (
      select id from pdoflow.refusal where posting_id = any (p_postings)
      order by posting_id, host for update)
    returning posting_id)
  select array_agg(distinct p.id) into v_ids from gone join pdoflow.posting p on p.id = posting_id
  where p.state = 'open' and p.ended_at is null;
  perform pg_notify('pdoflow.posted', id::text) from unnest(v_ids) as id;
  return coalesce(v_ids, '{}');
end $$;

-- Changes the priority of all jobs of unfinished postings, including jobs that wait for another
-- attempt. Claimed jobs continue. The cost depends on the number of lanes and retries, not on the
-- number of jobs. Returns the changed postings.
create function pdoflow.set_priorities(p_postings bigint[], p_priority integer) returns bigint[]
language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_ids bigint[];
begin
  -- As in pause_postings: retries that are being written are visible to the last statement.
  v_ids := array(select id from pdoflow.posting
                 where id = any (p_postings) and ended_at is null
                 order by id for no key update);
  update pdoflow.posting set override_priority = p_priority where id = any (v_ids);
  update pdoflow.lane set override_priority = p_priority where posting_id = any (v_ids);
  update pdoflow.retry set priority = p_priority where posting_id = any (v_ids);
  return v_ids;
end $$;

-- Cancels unfinished postings. Waiting jobs count as cancelled at once. Their pools kill running
-- jobs, or let them finish if p_kills is false. Waiting jobs that were retried by hand count as
-- failed, as before (U2). Returns the cancelled postings.
create function pdoflow.cancel_postings(
  p_postings bigint[], p_kills boolean, p_reason text, p_gave_up boolean default false
) returns bigint[] language plpgsql as $$
#variable_conflict use_column
declare
  v_ids bigint[];
  v_gone record;
begin
  v_ids := array(select id from pdoflow.posting
                 where id = any (p_postings) and state <> 'cancelled' and ended_at is null
                 order by id for no key update);
  update pdoflow.posting
  set state = 'cancelled', kills_running = p_kills, reason = left(p_reason, 1000), waits = false,
      gave_up = p_gave_up
  where id = any (v_ids);
  update pdoflow.edge set lapsed = true
  where posting_id = any (v_ids) and met_at is null and not lapsed;
  perform from pdoflow.lane where posting_id = any (v_ids) and state <> 'closed'
  order by posting_id, priority for no key update;
  with gone as (
    delete from pdoflow.retry where posting_id = any (v_ids)
    returning posting_id, first_seq, end_seq, attempt)
  select array_agg(posting_id) as postings, array_agg(first_seq) as firsts,
         array_agg(end_seq) as ends, array_agg(attempt) as attempts
  into v_gone from gone;
  -- A statement after the locks: it sees the newest lease of each lane (L1).
  insert into pdoflow.progress (posting_id, cancelled, failed, retrying, released)
  select l.posting_id, sum(l.end_seq - coalesce(e.seq, l.first_seq)), 0, 0, 0
  from pdoflow.lane l left join lateral pdoflow.lane_cursor(l.posting_id, l.priority) e on true
  where l.posting_id = any (v_ids) and l.state <> 'closed' group by l.posting_id
  union all
  select posting_id, sum(end_seq - first_seq), 0,
         -coalesce(sum(end_seq - first_seq) filter (where attempt > 1), 0),
         -coalesce(sum(end_seq - first_seq) filter (where attempt = 1), 0)
  from unnest(v_gone.postings, v_gone.firsts, v_gone.ends, v_gone.attempts)
    as g (posting_id, first_seq, end_seq, attempt)
  group by posting_id
  union all
  select posting_id, -jobs, jobs, 0, 0 from pdoflow.restore_failures(
    v_gone.postings, v_gone.firsts, v_gone.ends, v_gone.attempts);
  perform pdoflow.cancel_elements(v_ids);
  -- Postings that were not expanded end at once (P15): finish ends postings with progress.
  insert into pdoflow.progress (posting_id)
  select id from pdoflow.posting where id = any (v_ids) and job_count = 0;
  delete from pdoflow.lane where posting_id = any (v_ids) and exists (
    select from pdoflow.posting p where p.id = posting_id and p.priority is not null);
  update pdoflow.lane set state = 'closed' where posting_id = any (v_ids) and state <> 'closed';
  perform pg_notify('pdoflow.changed', id::text) from unnest(v_ids) as id;
  perform pdoflow.finish(v_ids);
  return v_ids;
end $$;
