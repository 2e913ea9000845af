create unlogged table pdoflow.live_output (
  posting_id bigint not null,
  seq integer not null,
  pool_id bigint not null,
  attempt integer not null,
  reported_at timestamptz not null default now(),
  stdout bytea not null,
  stdout_end bigint not null,
  stderr bytea not null,
  stderr_end bigint not null,
  primary key (posting_id, seq),
  constraint w_short check (length(stdout) <= 75000 and length(stderr) <= 75000)
);
comment on table pdoflow.live_output is
'One row: the last output of a running job of a followed posting. stdout_end and stderr_end are the
positions at which the two texts end. The pool of the job writes the row with its heartbeats, up to
a fixed size. It is deleted after the job has ended.';

alter table pdoflow.live_output enable row level security;
