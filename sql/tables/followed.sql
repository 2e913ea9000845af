create unlogged table pdoflow.followed (
  posting_id bigint primary key,
  until timestamptz not null
);
comment on table pdoflow.followed is
'One row: a posting whose output a client follows. The client renews the row before until. Pools
learn about it with their heartbeats.';

alter table pdoflow.followed enable row level security;
