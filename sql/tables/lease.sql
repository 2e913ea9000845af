create sequence pdoflow.lease_number;

create table pdoflow.lease (
  -- The milliseconds since 1970, and ten bits of a number (L5). Less than 2^53 until 2248.
  id bigint primary key default
    (date_part('epoch', clock_timestamp()) * 1000)::bigint * 1024
    + nextval('pdoflow.lease_number') % 1024,
  pool_id bigint not null,
  active boolean not null default true,
  claimed_at timestamptz not null default now(),
  lane_posting_id bigint,
  lane_priority integer,
  lane_first_seq integer,
  lane_end_seq integer,
  lost integer not null default 0,
  running_limit integer,
  posting_ids bigint[] not null,
  first_seqs integer[] not null,
  end_seqs integer[] not null,
  attempts integer[] not null,
  constraint l1_no_overlap unique (lane_posting_id, lane_priority, lane_first_seq)
);
comment on table pdoflow.lease is
'One row: the jobs that one claim took. The arrays list its ranges: posting, first_seq, end_seq (not
included) and attempt. Rows are appended, and updated once, when the lease ends (rarely also when a
part of it is released).
  L1  A range of a lane belongs to no other lease. Each lease of a lane starts where the one
      before it ended (the lane_ columns; null if whole lanes or retries were taken).
  L2  It is active until all its jobs have ended or were released or rescued. An outcome is only
      written if its lease is active and belongs to the pool that reports it (rule 2).
  L3  It ends in the transaction that puts its unfinished jobs back into the queue, so that no job
      is lost (rule 1).
  L4  Its pool runs at most running_limit of its jobs at a time; null means no limit. Each active
      lease of a posting counts as its running_limit, or as its number of jobs without an outcome if
      that is smaller. The sum is at most max_running (P5).
  L5  Its id is never used again. A crash can forget a claim together with its number, and the pool
      that has the jobs does not know: so the id has the time, too.';
alter sequence pdoflow.lease_number owned by pdoflow.lease.id;

-- Serves: rescue, release, and the status of a job: the active leases.
create index lease_active on pdoflow.lease (pool_id) where active;

alter table pdoflow.lease enable row level security;
create policy seen on pdoflow.lease for select using (
  (select pdoflow.reads_all())
  or exists (select from pdoflow.posting p where p.id = posting_ids[1] offset 0));
