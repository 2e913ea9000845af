-- Postings that start later (P8).

-- Opens the lanes of postings that are due to start, and notifies pools. Every pool calls this from
-- time to time. If several do so at once, only one of them opens a given posting.
create function pdoflow.start_due(p_routes integer[] default null) returns integer
language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_ids bigint[];
begin
  v_ids := array(select id from pdoflow.posting
                 where run_at <= now() and state = 'open'
                   and (p_routes is null or route_id = any (p_routes))
                 order by run_at limit 1000 for no key update skip locked);
  if cardinality(v_ids) = 0 then return 0; end if;
  update pdoflow.posting set started_at = run_at, run_at = null where id = any (v_ids);
  update pdoflow.lane set state = 'open'
  where posting_id = any (v_ids) and state = 'paused' and not exists (
    select from pdoflow.posting p where p.id = posting_id and p.waits);
  update pdoflow.retry set due_at = now()
  where posting_id = any (v_ids) and due_at = 'infinity' and not exists (
    select from pdoflow.posting p where p.id = posting_id and p.waits);
  perform pdoflow.wake(v_ids);
  return cardinality(v_ids);
end $$;

-- Decides about postings whose jobs should have begun by now (P17): cancels those of which no job
-- was claimed. Returns their number.
create function pdoflow.expire_unbegun(p_routes integer[]) returns integer
language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_ids bigint[] := array(
    select id from pdoflow.posting
    where start_by <= now() and ended_at is null and state <> 'cancelled'
      and (p_routes is null or route_id = any (p_routes))
    order by start_by limit 100 for no key update skip locked);
  v_late bigint[];
begin
  if cardinality(v_ids) = 0 then return 0; end if;
  -- Claims wait for these locks, and the statement after them sees the claims before.
  perform from pdoflow.lane where posting_id = any (v_ids) and state <> 'closed'
  order by posting_id, priority for no key update;
  v_late := array(select p.id from pdoflow.posting p
                  where p.id = any (v_ids) and not pdoflow.has_begun(p));
  update pdoflow.posting set start_by = null where id = any (v_ids) and id <> all (v_late);
  perform pdoflow.cancel_postings(
    v_late, false, 'none of its jobs had begun in time (start by)', true);
  return cardinality(v_late);
end $$;

-- Cancels postings whose deadline has passed (P12). If several pools do so at once, only one of
-- them cancels a given posting. Returns their number.
create function pdoflow.expire_due(p_routes integer[] default null) returns integer
language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_ids bigint[];
begin
  v_ids := array(select id from pdoflow.posting
                 where deadline <= now() and ended_at is null and state <> 'cancelled'
                   and (p_routes is null or route_id = any (p_routes))
                 order by deadline limit 100 for no key update skip locked);
  if cardinality(v_ids) = 0 then return 0; end if;
  perform pdoflow.cancel_postings(v_ids, true, 'its deadline passed', true);
  return cardinality(v_ids);
end $$;
