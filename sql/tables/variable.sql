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
'One row: a value that people and programs share through the queue. pdoflow itself reads none.
  V1  Variables set by operators and the owner belong to all (owner is empty). Those of a poster
      belong to the poster, and take precedence for it over one of the same name that belongs to
      all.';

alter table pdoflow.variable enable row level security;
create policy seen on pdoflow.variable for select using (
  owner = '' or owner = (select pdoflow.caller()));
