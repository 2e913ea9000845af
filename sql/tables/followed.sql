create unlogged table pdoflow.followed (
  posting_id bigint primary key,
  until timestamptz not null
);
comment on table pdoflow.followed is
'One row: somebody looks at what jobs of this posting print, and says so again before until. Its
pools hear of it with their beat.';

alter table pdoflow.followed enable row level security;
