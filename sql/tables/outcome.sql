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
  U1  At most one for each posting, seq and attempt, whoever ran it (rule 2).
  U2  done, failed and cancelled end the job; retried means that another attempt follows. After
      a failed one another follows only where that was asked for by hand: of several the highest
      attempt counts, and where none comes of it any more (cancelled) the failure does.
  U3  Written while its lease was held (L2): lease_id tells by which pool.
  U4  duration_ms is measured by the worker; ended_at is the database''s time.
The result is json, as it came: its keys keep their order. Only what jsonb takes is written.';
-- Serves: the failures of a posting, to show and to retry them.
create index outcome_failed on pdoflow.outcome (posting_id, seq) where state = 'failed';

-- What came of jobs is seen by those whose they are, not by whose pools ran them.
alter table pdoflow.outcome enable row level security;
create policy seen on pdoflow.outcome for select using (
  (select pdoflow.sees_all()) or exists (
    select from pdoflow.posting p
    where p.id = posting_id and p.route_id = any ((select pdoflow.own_routes())::integer[])
    offset 0));
