create table pdoflow.lane (
  posting_id bigint not null,
  priority integer not null,
  first_seq integer not null,
  end_seq integer not null,
  route_id integer not null,
  state pdoflow.lane_state not null default 'open',
  closed_by bigint,
  override_priority integer,
  effective_priority integer not null generated always as (coalesce(override_priority, priority))
    stored,
  primary key (posting_id, priority),
  constraint n1_a_range check (0 <= first_seq and first_seq < end_seq),
  constraint n2_closed_by_a_lease check (closed_by is null or state = 'closed')
);
comment on table pdoflow.lane is
'One row: the jobs of one posting that have the same priority, from first_seq to before end_seq.
  N1  The lanes of a posting cover 0 to job_count, each seq once, higher priority first.
  N2  The cursor of a lane is the end of its newest lease, or first_seq if it has none. The lease
      that takes its last job closes the lane, and so does cancelling. A closed lane never opens
      again. The one lane of a posting that is not sorted (P10) is deleted instead.
  N3  It is paused, not open, while its posting is paused, errored out, not yet started (P8) or
      waiting for another one (P11).
  N4  priority is the priority at posting; it identifies the lane and never changes. Claims and
      retries use effective_priority: override_priority if it is set, else priority.';
-- Serves: claim, the first open lane of a route by priority, oldest posting first.
create index lane_open
on pdoflow.lane (route_id, effective_priority desc, posting_id, priority desc) where state = 'open';
-- Serves: claim, the oldest open lane of a route, whatever its priority.
create index lane_oldest on pdoflow.lane (route_id, posting_id) where state = 'open';

alter table pdoflow.lane enable row level security;
create policy seen on pdoflow.lane for select using (
  (select pdoflow.reads_all())
  or route_id = any ((select pdoflow.own_routes())::integer[])
  or route_id = any ((select pdoflow.run_routes())::integer[]));
