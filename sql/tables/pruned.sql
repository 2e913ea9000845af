create table pdoflow.pruned (
  posting_id bigint primary key,
  job_count integer not null,
  from_seq integer not null default 0
);
comment on table pdoflow.pruned is
'One row: a posting that prune has deleted. Its jobs and outcomes from from_seq on may still exist;
the row is deleted with the last of them.
  Z1  The posting and its lanes do not exist, so readers find either all of a posting or nothing.
  Z2  No active lease contains it, so nothing can be recorded for it. An ended posting stays while
      a pool has other jobs of the same lease.';
