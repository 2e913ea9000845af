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
'One row: what a pool says that it did in one minute, for people: what it did after its last beat is
missing when it is killed. Those that are older than two hours are deleted by whoever tells.
  D1  done, failed and retried count attempts by their outcome, in the minute of the beat that told
      of them.
  D2  durations counts attempts by how long they took: under the first limit, from that to the
      second, and so on (durationLimits in src/db/dashboard/histogram.ts). waits does so for the
        time from
      posting to the start of the first attempt, of a sample.';

alter table pdoflow.tally enable row level security;
create policy seen on pdoflow.tally for select using ((select pdoflow.sees_all()));
