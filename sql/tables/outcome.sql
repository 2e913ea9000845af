create table pdoflow.outcome (
  posting_id bigint not null,
  lease_id bigint not null,
  ended_at timestamptz not null,
  seq integer not null,
  attempt integer not null,
  worker_pid integer not null,
  duration_ms real not null,
  state pdoflow.outcome_state not null,
  result json,
  error jsonb,
  stdout text,
  stderr text,
  primary key (posting_id, seq, attempt)
) partition by range (posting_id);
comment on table pdoflow.outcome is
'One row: the recorded end of one attempt at one job. Written once, never updated.
  U1  Each posting, seq and attempt has at most one row, no matter which pools ran it (rule 2).
  U2  done, failed and cancelled end the job; retried means that another attempt follows. A failed
      job gets another attempt only if it is retried by hand. Then the highest attempt counts, or
      the failure if that attempt is cancelled before it runs.
  U3  It was written while its lease was active (L2): lease_id leads to the pool.
  U4  The worker measures duration_ms; ended_at is by the clock of the database.
result is json, so that its keys keep their order, but it is only written if jsonb accepts it.';
-- Serves: the failures of a posting, to show and to retry them.
create index outcome_failed on pdoflow.outcome (posting_id, seq) where state = 'failed';

-- Roles whose pools run jobs do not see their outcomes.
alter table pdoflow.outcome enable row level security;
create policy seen on pdoflow.outcome for select using (
  (select pdoflow.sees_all()) or exists (
    select from pdoflow.posting p
    where p.id = posting_id and p.route_id = any ((select pdoflow.own_routes())::integer[])
    offset 0));
