create table pdoflow.usage_hour (
  hour timestamptz not null,
  poster text not null,
  poster_os text not null,
  entry_point text not null,
  attempts double precision not null,
  wall_ms double precision not null,
  measured_ms double precision not null,
  cpu_user_ms double precision not null,
  cpu_system_ms double precision not null,
  peak_bytes double precision not null,
  read_bytes double precision not null,
  written_bytes double precision not null,
  primary key (hour, poster, poster_os, entry_point),
  constraint w_short check (
    length(poster) <= 63 and octet_length(poster_os) <= 100 and length(entry_point) <= 500)
);
comment on table pdoflow.usage_hour is
'One row: what the attempts of one poster at one entry point used that pools reported in one hour.
It stays when their postings are pruned; each report deletes rows that are older than 400 days. If a
pool is killed, attempts after its last heartbeat are missing: outcome_run has the exact numbers.
  I1  wall_ms and the CPU times are sums over attempts, peak_bytes is the largest. measured_ms is
      wall_ms of the attempts with a measured CPU time.
  I2  entry_point has the first 500 characters, so that the key fits into the index.
  I3  Pools add to it in transactions of their own, row by row in the order of the key, so that they
      never wait for each other in a circle.';

alter table pdoflow.usage_hour enable row level security;
create policy seen on pdoflow.usage_hour for select using (
  (select pdoflow.sees_all()) or poster = (select pdoflow.caller()));
