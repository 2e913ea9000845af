create table pdoflow.schedule (
  id bigint generated always as identity primary key,
  name text not null,
  poster text not null,
  poster_os text not null default '',
  timing text not null,
  zone text not null default 'UTC',
  jitter_ms bigint not null default 0,
  overlap text not null default 'skip' check (overlap in ('skip', 'queue', 'allow', 'cancel')),
  missed text not null default 'last' check (missed in ('last', 'none', 'all')),
  entry_point text,
  flow_name text,
  options jsonb not null default '{}',
  jobs text not null,
  job_count integer not null,
  created_at timestamptz not null default now(),
  until timestamptz,
  is_paused boolean not null default false,
  nominal_at timestamptz,
  fires_at timestamptz,
  posting_id bigint,
  flow_id bigint,
  unique (poster, name),
  constraint h1_fires_after check (
    (nominal_at is null) = (fires_at is null) and nominal_at <= fires_at),
  constraint h4_one_kind check (num_nonnulls(entry_point, flow_name) <= 1),
  constraint h3_sane check (jitter_ms between 0 and 86400000),
  constraint w_short check (
    length(name) <= 100 and length(poster) <= 63 and octet_length(poster_os) <= 100
    and length(timing) <= 200 and length(zone) <= 100 and length(entry_point) <= 2000
    and length(flow_name) <= 100
    and octet_length(options::text) <= 100000 and octet_length(jobs) <= 1048576)
);
comment on table pdoflow.schedule is
'One row: jobs that are posted again and again, at the times of a cron expression or an interval.
  H1  nominal_at is the next time of timing in zone; fires_at is that time and its jitter. Null if
      there is none before until. Only firing moves them.
  H2  Each nominal time has at most one fire. The fire, its posting and the next nominal_at are
      written in one transaction.
  H3  The jitter is less than the time to the next fire, and the same for every server.
  H4  It posts jobs for an entry point, a line of jobs for each; or a flow, whose stages are in jobs
      as JSON (sql/engine/fire_flow.sql). With neither, a pool of the owner prunes: options are
      olderThanMs and states.
posting_id or flow_id is what its last time posted, not by hand. job_count is the number
of jobs or stages.';
-- Serves: the schedules that are due, with each heartbeat.
create index schedule_due on pdoflow.schedule (fires_at)
where not is_paused and fires_at is not null;
-- Serves: the same for a pool that runs the jobs of some posters only.
create index schedule_of_poster on pdoflow.schedule (poster, fires_at)
where not is_paused and fires_at is not null;

create table pdoflow.fire (
  schedule_id bigint not null,
  nominal_at timestamptz not null,
  fired_at timestamptz not null default now(),
  outcome text not null check (outcome in (
    'posted', 'skipped', 'missed', 'refused', 'started', 'pruned')),
  by_hand boolean not null default false,
  posting_id bigint,
  flow_id bigint,
  reason text,
  times integer not null default 1,
  last_at timestamptz,
  primary key (schedule_id, nominal_at),
  constraint h5_missed_times check (
    times >= 1 and (last_at is null or outcome = 'missed' and last_at >= nominal_at)),
  constraint w_short check (length(reason) <= 1000)
);
comment on table pdoflow.fire is
'One row: a time of a schedule, and what happened then. Kept are the last 400 of a schedule.
  H2  The key: a time fires once, whichever pools see it.
  H5  A run of missed times is one row: times is their number, from nominal_at to last_at, without
      the ones that were made up for by hand. Of a cron expression at most 101 are counted.
A prune has started until its pool reports its end.
reason: why nothing was posted, or what was pruned. by_hand: "schedule run" or "backfill".';

alter table pdoflow.schedule enable row level security;
create policy seen on pdoflow.schedule for select using (
  (select pdoflow.sees_all()) or poster = pdoflow.caller());
alter table pdoflow.fire enable row level security;
create policy seen on pdoflow.fire for select using (
  exists (select from pdoflow.schedule s where s.id = schedule_id offset 0));
