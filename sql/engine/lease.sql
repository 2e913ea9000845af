-- Functions that read leases. The planner inlines both.

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
