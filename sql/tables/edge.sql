create table pdoflow.edge (
  posting_id bigint not null,
  upstream_id bigint not null,
  kind pdoflow.edge_kind not null,
  tolerate_jobs integer,
  tolerate_percent real,
  met_at timestamptz,
  unblocked_by text,
  lapsed boolean not null default false,
  feeds boolean not null default false,
  skipped integer not null default 0,
  primary key (posting_id, upstream_id, kind),
  constraint w1_upstream_was_there check (upstream_id < posting_id),
  constraint w2_sane check (
    tolerate_jobs >= 0 and tolerate_percent between 0 and 100
    and (unblocked_by is null or met_at is not null) and not (lapsed and met_at is not null)),
  constraint e3_sane check (skipped >= 0 and not (feeds and skipped > 0)),
  constraint w_short check (length(unblocked_by) <= 100)
);
comment on table pdoflow.edge is
'One row: a posting waits for another one, its upstream.
  W1  The upstream was posted before, so edges never form a cycle.
  W2  met_at is set once. A met edge stays met, whatever becomes of its upstream. unblocked_by is
      the role that met it by hand. lapsed: its posting was cancelled before it was met.
  W3  The upstream, and the postings below it (C2), are not pruned before all postings that wait
      for it can be pruned.
  W4  A posting waits (P11) until all its edges are met. "Blocked" is derived: an edge of it, or of
      an upstream that waits, cannot be met at present. It ends when the cause is repaired.
Kinds: after (all jobs of the upstream have ended, and no more than the tolerated number failed or
were cancelled), any (all have ended), failed (it ended with failed jobs, or was stopped because of
failures), start (a job of it has been claimed), each and over (element-wise).
  E1  A posting has at most one element-wise edge, and as many jobs as its upstream. It has no lane:
      each of its jobs is released, a range of retry with attempt 1, once the job of the upstream
      with the same seq is done. The transaction that meets the edge, soon after posting, does that
      for jobs that are done before; from then on the one that records them.
  E2  feeds is true until the upstream has ended and that is counted. Until then, jobs that are not
      released yet count as released (G1).
  E3  After that, skipped is the number of jobs that were never released, because their jobs of the
      upstream failed or were cancelled. They count as cancelled. If the upstream is retried by
      hand, feeds is true and skipped 0 again.';
-- Serves: the postings that wait for a posting that has ended.
create index edge_unmet on pdoflow.edge (upstream_id, posting_id)
where met_at is null and not lapsed;
-- Serves: the next postings whose edges are checked from time to time.
create index edge_waiting on pdoflow.edge (posting_id)
where met_at is null and not lapsed;
-- Serves: record, and the postings that follow a posting that has ended, element by element.
create index edge_feeds on pdoflow.edge (upstream_id, posting_id) where feeds;
-- Serves: the next postings whose element-wise edges are checked from time to time.
create index edge_fed on pdoflow.edge (posting_id) where feeds;
-- Serves: the postings whose element-wise edges must be met.
create index edge_elements on pdoflow.edge (posting_id) where feeds and met_at is null;
-- Serves: prune, and the postings that follow a posting.
create index edge_upstream on pdoflow.edge (upstream_id);

alter table pdoflow.edge enable row level security;
create policy seen on pdoflow.edge for select using (
  (select pdoflow.reads_all())
  or exists (select from pdoflow.posting p where p.id = posting_id offset 0));
