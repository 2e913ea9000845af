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
'One row: what a pool reports of one minute, for people. What it did after its last heartbeat is
missing if it is killed. Each report deletes the rows that are older than two hours.
  C1  done, failed and retried count attempts by outcome, in the minute of the heartbeat that
      reported them.
  C2  durations counts attempts by their duration: below the first limit, from there to the
      second, and so on (durationLimits in src/db/dashboard/histogram.ts). waits does the same for
      the time from posting to the start of the first attempt, of a sample.';

alter table pdoflow.tally enable row level security;
create policy seen on pdoflow.tally for select using ((select pdoflow.sees_all()));
