create table pdoflow.pruned (
  posting_id bigint primary key,
  job_count integer not null,
  from_seq integer not null default 0
);
comment on table pdoflow.pruned is
'One row: a posting that prune has deleted. Of its jobs and outcomes those from from_seq on may
still be there; the row goes with the last of them.
  Z1  There is no such posting and no lane of it: whoever reads finds all of a posting or nothing.
  Z2  No held lease names it, so nothing can be recorded for it any more: a posting that has ended
      stays as long as a pool holds other jobs by the same lease.';
