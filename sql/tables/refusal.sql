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
'One row: pools of one host refuse to run a posting, with the reason that the last of them gave.
  H1  A posting keeps the refusals of about the first ten hosts, so its oldest row stays. A pool
      skips the posting as long as the oldest row is the same. Resuming the posting deletes all its
      refusals. pool_ids lists the pools of the host that refused it and have not retracted that, at
      most the last 20; pool_id is the pool that gave the reason.';

alter table pdoflow.refusal enable row level security;
create policy seen on pdoflow.refusal for select using (
  (select pdoflow.reads_all())
  or exists (select from pdoflow.posting p where p.id = posting_id offset 0));
