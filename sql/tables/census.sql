create unlogged table pdoflow.census (
  role text not null check (length(role) <= 63),
  serves_all boolean not null,
  pools integer not null,
  slots bigint not null,
  waiting integer not null,
  counted_at timestamptz not null default clock_timestamp(),
  primary key (role, serves_all)
);
comment on table pdoflow.census is
'One row: the number of pools of a role that are alive, with their slots, and how many of them wait
for postings. Empty if there are few pools. Counted at most once a second, because each heartbeat
needs it: if each of a thousand pools counted the others, the server would do little else.';

alter table pdoflow.census enable row level security;
