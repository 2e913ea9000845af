-- Functions that read lanes and leases. The planner inlines the first two.

-- The ranges of jobs of a lease.
create function pdoflow.ranges_of(p_lease pdoflow.lease)
returns table (posting_id bigint, first_seq integer, end_seq integer, attempt integer)
language sql immutable as $$
  select *
  from unnest(p_lease.posting_ids, p_lease.first_seqs, p_lease.end_seqs, p_lease.attempts)
$$;

-- The cursor of a lane (N2): the seq of its first job that was never claimed. No row if no job was
-- ever claimed.
create function pdoflow.lane_cursor(p_posting bigint, p_priority integer)
returns table (seq integer) language sql stable as $$
  select lane_end_seq from pdoflow.lease
  where lane_posting_id = p_posting and lane_priority = p_priority
  order by lane_first_seq desc limit 1
$$;

-- The priority at which a job waits: of its posting or, if it is sorted, of its lane (P10, N4).
create function pdoflow.effective_priority(p_posting bigint, p_seq integer) returns integer
language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  return (select coalesce(p.override_priority, p.priority, (
                   select effective_priority from pdoflow.lane
                   where posting_id = p_posting and first_seq <= p_seq and p_seq < end_seq limit 1))
          from pdoflow.posting p where p.id = p_posting);
end $$;
