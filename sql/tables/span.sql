create table pdoflow.span (
  first_id bigint primary key,
  end_id bigint not null,
  jobs regclass not null,
  outcomes regclass not null,
  full_bytes bigint not null,
  constraint x1_a_range check (0 < first_id and first_id < end_id)
);
comment on table pdoflow.span is
'One row: one partition of job and one of outcome_run, for the postings first_id to before end_id.
  X1  Spans do not overlap. Postings get numbers from the first span with unused numbers, or from
      the one after it if one of its partitions has reached full_bytes.
  X2  A poster holds the lock of its span in shared mode, from before it draws a number until it
      commits. Emptying or dropping a span takes that lock exclusively.';
