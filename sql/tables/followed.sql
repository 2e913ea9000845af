create unlogged table pdoflow.followed (
  posting_id bigint primary key,
  until timestamptz not null
);
comment on table pdoflow.followed is
'One row: somebody follows the output of this posting, and repeats that before until. Pools learn
it with their heartbeat.';

alter table pdoflow.followed enable row level security;
