-- A variable is its poster's own, or everybody's ('').
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
'One row: a value that people and programs share by the queue. pdoflow itself reads none of them.
  V1  What an operator or the owner of the schema sets is everybody''s (owner is empty). What a
      poster sets is theirs alone, and comes before everybody''s of the same name for them.';

alter table pdoflow.variable enable row level security;
create policy seen on pdoflow.variable for select using (
  owner = '' or owner = (select pdoflow.caller()));
