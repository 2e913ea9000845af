create table pdoflow.retry (
  id bigint generated always as identity primary key,
  posting_id bigint not null,
  priority integer not null,
  route_id integer not null,
  first_seq integer not null,
  end_seq integer not null,
  attempt integer not null,
  due_at timestamptz not null,
  lost integer not null default 0,
  constraint y1_a_range check (first_seq < end_seq and attempt >= 1)
);
comment on table pdoflow.retry is
'One row: a range of jobs of one lane that wait again, with the number of their next attempt.
  Y1  If attempt is more than 1, the attempt before failed (permanently, if the job was retried by
      hand). If it is 1, the jobs were claimed and then released or rescued before they started, and
      used no attempt.
  Y2  due_at is infinity while its posting is paused, errored out or waiting (P11).
  Y3  lost counts the pools that were lost while they had this range. From 2 on its jobs are
      suspects: each is claimed alone, and a pool has only one at a time. So a third loss has
      exactly one cause.';
-- Serves: claim, the retries that are due, by priority.
create index retry_due on pdoflow.retry (route_id, priority desc, due_at);
-- Serves: pause, resume, cancel, and the status of a job.
create index retry_posting on pdoflow.retry (posting_id, first_seq);

alter table pdoflow.retry enable row level security;
create policy seen on pdoflow.retry for select using (
  (select pdoflow.sees_all()) or route_id = any ((select pdoflow.own_routes())::integer[]));
