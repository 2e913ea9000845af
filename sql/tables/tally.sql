create table pdoflow.tally (
  pool_id bigint not null,
  minute timestamptz not null,
  done integer not null,
  failed integer not null,
  retried integer not null,
  durations integer[] not null,
  waits integer[] not null,
  primary key (minute, pool_id),
  constraint w_short check (cardinality(durations) <= 100 and cardinality(waits) <= 101)
);
comment on table pdoflow.tally is
'One row: the statistics that a pool reports for one minute, for display. If the pool is killed,
attempts after its last heartbeat are missing. Each report deletes rows that are older than two
hours.
  C1  done, failed and retried count attempts by outcome, in the minute of the heartbeat that
      reported them.
  C2  durations counts attempts by their duration: below the first limit, from there to the second,
      and so on (durationLimits in src/db/dashboard/histogram.ts). waits counts a sample of first
      attempts in the same way, by how long they had waited (pool_report).';

alter table pdoflow.tally enable row level security;
create policy seen on pdoflow.tally for select using ((select pdoflow.sees_all()));
