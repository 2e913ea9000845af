create table pdoflow.variable (
  name text not null,
  value jsonb not null,
  updated_at timestamptz not null default now(),
  owner text not null default '',
  primary key (owner, name),
  constraint w_short check (
    length(name) <= 200 and length(owner) <= 63 and octet_length(value::text) <= 1048576)
);
comment on table pdoflow.variable is
'One row: a value that people and programs share through the queue. PDOFlow itself reads none.
  V1  Variables that operators and the owner set are global (owner is empty). A variable that a
      poster sets belongs to the poster, and hides a global variable of the same name from it.';

alter table pdoflow.variable enable row level security;
create policy seen on pdoflow.variable for select using (
  owner = '' or owner = (select pdoflow.caller()));
