create table pdoflow.refusal (
  id bigint generated always as identity primary key,
  posting_id bigint not null
    references pdoflow.posting (id) on delete cascade deferrable initially deferred,
  host text not null,
  pool_id bigint not null,
  pool_ids bigint[] not null,
  reason text not null,
  refused_at timestamptz not null default now(),
  unique (posting_id, host),
  constraint w_short check (length(host) <= 255 and length(reason) <= 1000)
);
comment on table pdoflow.refusal is
'One row: the pools of a host do not run a posting, and why the last of them did not.
  H1  Of about ten hosts at most for a posting: of the first ones, so that the oldest row stays. A
      pool passes a posting by until that is not the one which it found, for then somebody has
      resumed the posting: that deletes them all. pool_ids are those of the host that refused it and
      have not changed their mind, of many the last 20; pool_id is the one whose reason it is.';

alter table pdoflow.refusal enable row level security;
create policy seen on pdoflow.refusal for select using (
  (select pdoflow.sees_all()) or (select pdoflow.runs_all())
  or exists (select from pdoflow.posting p where p.id = posting_id offset 0));
