create table pdoflow.outcome_run (
  posting_id bigint not null,
  attempt integer not null,
  first_seq integer not null,
  end_seq integer not null,
  lease_id bigint not null,
  state pdoflow.outcome_state not null,
  ended_at timestamptz not null,
  offsets_ms integer[] not null,
  durations_us bigint[] not null,
  worker_pids integer[] not null,
  results text,
  errors text,
  stdouts text,
  stderrs text,
  usage real[],
  primary key (posting_id, attempt, first_seq),
  constraint u5_a_run check (first_seq < end_seq and end_seq - first_seq <= 1000),
  constraint u6_one_for_each_job check (
    cardinality(offsets_ms) = end_seq - first_seq and (0 <= all (offsets_ms)) is true
    and cardinality(durations_us) = end_seq - first_seq and (0 <= all (durations_us)) is true
    and cardinality(worker_pids) in (1, end_seq - first_seq)
    and array_position(worker_pids, null) is null),
  constraint u7_small check (
    end_seq - first_seq = 1 or greatest(
      octet_length(results), octet_length(errors), octet_length(stdouts), octet_length(stderrs))
      <= 262144),
  constraint u8_usage check (
    cardinality(usage) in (5, 5 * (end_seq - first_seq)) and (0 <= all (usage)) is not false
    and (1e18 >= all (usage)) is not false)
) partition by range (posting_id);
comment on table pdoflow.outcome_run is
'One row: the recorded ends of the same attempt at consecutive jobs of one posting, from first_seq
to before end_seq, that ended in the same state under one lease. The view outcome has one row for
each of them. Written once, never updated.
  U1  Runs of one posting and attempt do not overlap: each attempt at a job has at most one outcome,
      no matter which pools ran it (rule 2).
  U2  done, failed and cancelled end the job; retried means that another attempt follows. A failed
      job gets another attempt only if it is retried by hand. Then the highest attempt counts, or
      the failure if that attempt is cancelled before it runs.
  U3  It was written while its lease was active (L2): lease_id leads to the pool.
  U4  The worker measures durations_us; ended_at, of the first of them to end, is by the clock of
      the database.
  U5  It has at most 1,000 jobs.
  U6  offsets_ms (how long after ended_at the job ended) and durations_us have an element for each
      job, worker_pids too, or one element for all of them.
  U7  results, errors, stdouts and stderrs have a line for each job, or are null. The lines of
      results and errors are JSON, those of stdouts and stderrs are JSON strings; an empty line is
      null. Of several jobs, each text has at most 65,536 characters.
  U8  usage is null if the resources that the attempts used were not measured. Else it has five
      groups of numbers: CPU time in user mode and in system mode in us, the peak of resident
      memory, bytes read, and bytes written. A group has one number, the sum of all jobs (of peaks
      the maximum), or, if one of them ran for 50 ms or longer, a number for each job. A number that
      was not measured is null. Seven digits are enough, and four bytes a number.
Each line is only written if jsonb accepts it, for the API; the keys of a result keep their order.';
-- Serves: the failures of a posting, to show and to retry them.
create index outcome_run_failed on pdoflow.outcome_run (posting_id, first_seq)
where state = 'failed';

-- Compressing output takes longer than running a short job: pglz 10 to 50 us per KiB, lz4 a tenth.
-- So texts are compressed if the server has lz4, and stored as they are if it has not.
do $$
declare
  v_column text;
  v_has_lz4 boolean := (select 'lz4' = any (enumvals) from pg_settings
                        where name = 'default_toast_compression');
begin
  foreach v_column in array array['results', 'stdouts', 'stderrs'] loop
    execute format('alter table pdoflow.outcome_run alter %I set %s', v_column,
                   case when v_has_lz4 then 'compression lz4' else 'storage external' end);
  end loop;
end $$;

-- Roles whose pools run jobs do not see their outcomes.
alter table pdoflow.outcome_run enable row level security;
create policy seen on pdoflow.outcome_run for select using (
  (select pdoflow.sees_all()) or exists (
    select from pdoflow.posting p
    where p.id = posting_id and p.route_id = any ((select pdoflow.own_routes())::integer[])
    offset 0));
