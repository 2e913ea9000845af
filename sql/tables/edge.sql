create table pdoflow.edge (
  posting_id bigint not null,
  upstream_id bigint not null,
  kind pdoflow.edge_kind not null,
  tolerate_jobs integer,
  tolerate_percent real,
  met_at timestamptz,
  unblocked_by text,
  primary key (posting_id, upstream_id, kind),
  constraint w1_upstream_was_there check (upstream_id < posting_id),
  constraint w2_sane check (
    tolerate_jobs >= 0 and tolerate_percent between 0 and 100
    and (unblocked_by is null or met_at is not null)),
  constraint w_short check (length(unblocked_by) <= 100)
);
comment on table pdoflow.edge is
'One row: a posting waits for another one, its upstream.
  W1  The upstream was posted before, so edges never form a cycle.
  W2  met_at is set once. A met edge stays met, whatever becomes of its upstream. unblocked_by is
      the role that met it by hand.
  W3  The upstream is not pruned before all postings that wait for it can be pruned.
  W4  A posting waits (P11) until all its edges are met. "Blocked" is derived: an edge of it, or of
      an upstream that waits, cannot be met at present. It ends when the cause is repaired.
Kinds: after (all jobs of the upstream have ended, and no more than the tolerated number failed or
were cancelled), any (all have ended), failed (it ended with failed jobs, or was stopped because of
failures), start (a job of it has been claimed).';
-- Serves: the postings that wait for a posting that has ended.
create index edge_unmet on pdoflow.edge (upstream_id, posting_id) where met_at is null;
-- Serves: the next postings whose edges are checked from time to time.
create index edge_waiting on pdoflow.edge (posting_id) where met_at is null;
-- Serves: prune, and the postings that follow a posting.
create index edge_upstream on pdoflow.edge (upstream_id);

alter table pdoflow.edge enable row level security;
create policy seen on pdoflow.edge for select using (
  (select pdoflow.reads_all())
  or exists (select from pdoflow.posting p where p.id = posting_id offset 0));
