-- Postings with the postings that their jobs have posted (C2).

-- A posting and its ancestors, the nearest first.
create function pdoflow.ancestors(p_posting bigint)
returns table (id bigint, distance integer) language plpgsql stable
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  return query
    with recursive above (id, distance) as (
      select p_posting, 0
      union all
      select c.parent_id, a.distance + 1 from above a join pdoflow.child c on c.posting_id = a.id)
    select id, distance from above order by distance;
end $$;

-- A posting and all postings below it. Of a root, one range of the index: also if postings in
-- between were pruned.
create function pdoflow.tree_ids(p_posting bigint) returns bigint[] language plpgsql stable
set jit = off set enable_seqscan = off as $$
begin
  if not exists (select from pdoflow.child where parent_id = p_posting and posted_at is not null)
  then
    return array[p_posting];
  elsif not exists (select from pdoflow.child where posting_id = p_posting) then
    return p_posting || array(
      select posting_id from pdoflow.child
      where root_id = p_posting and dropped_at is null and posted_at is not null);
  end if;
  return array(
    with recursive below (id) as (
      select p_posting
      union all
      select c.posting_id from below b join pdoflow.child c
        on c.parent_id = b.id and c.posted_at is not null)
    select id from below);
end $$;

-- A posting as those see it that wait for it: with the jobs of all postings below it. It has ended
-- when all of these have ended, and was stopped if one of them was. Counted from their rows each
-- time, so no counter can drift.
create function pdoflow.tree_of(p_posting pdoflow.posting) returns pdoflow.posting
language plpgsql stable set jit = off set enable_seqscan = off as $$
declare
  v_ids bigint[];
  v record;
begin
  if not exists (
    select from pdoflow.child where parent_id = p_posting.id and posted_at is not null) then
    return p_posting;
  end if;
  v_ids := pdoflow.tree_ids(p_posting.id);
  select sum(job_count) as jobs, sum(done) as done, sum(failed) as failed,
         sum(cancelled) as cancelled, bool_and(ended_at is not null) as have_ended,
         bool_or(state = 'errored_out') as is_stopped
  into v from pdoflow.posting where id = any (v_ids);
  p_posting.job_count := least(v.jobs, 2147483647);
  p_posting.done := least(v.done, 2147483647);
  p_posting.failed := least(v.failed, 2147483647);
  p_posting.cancelled := least(v.cancelled, 2147483647);
  if not v.have_ended then p_posting.ended_at := null; end if;
  if v.is_stopped then p_posting.state := 'errored_out'; end if;
  return p_posting;
end $$;

-- The postings below a posting that have failed or cancelled jobs, up to three; null if there are
-- none.
create function pdoflow.faults_below(p_posting bigint) returns text language plpgsql stable
set jit = off set enable_seqscan = off as $$
declare
  v_ids bigint[] := pdoflow.tree_ids(p_posting);
begin
  if cardinality(v_ids) = 1 then return null; end if;
  return (
    select string_agg(id::text, ', ' order by id) from (
      select id from pdoflow.posting p
      where id = any (v_ids) and id <> p_posting and (failed + cancelled > 0 or exists (
        select from pdoflow.progress g
        where g.posting_id = p.id and g.failed + g.cancelled > 0))
      order by id limit 3) few);
end $$;
