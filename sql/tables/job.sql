create table pdoflow.job (
  posting_id bigint not null,
  first_seq integer not null,
  end_seq integer not null,
  args text,
  indexes integer[],
  sweep json,
  line_bytes integer,
  primary key (posting_id, first_seq),
  constraint j1_a_run check (
    0 <= first_seq and first_seq < end_seq and (end_seq - first_seq <= 1000 or sweep is not null)),
  constraint j2_an_index_each check (cardinality(indexes) = end_seq - first_seq),
  constraint j3_lists_or_objects check (args ~ '^[[:space:]]*[[{]'),
  constraint j4_small check (end_seq - first_seq = 1 or octet_length(args) <= 65536),
  constraint j6_one_of_two check (
    (args is null) = (sweep is not null)
    and (sweep is null or sweep ->> 'over' is not null) = (line_bytes is null)
    and (sweep is null or indexes is null)),
  constraint j6_small check (octet_length(sweep::text) <= 65536 and line_bytes <= 65536)
) partition by range (posting_id);
comment on table pdoflow.job is
'One row: a block, which is a run of consecutive jobs of one posting with their arguments, from
first_seq to before end_seq. Written once, never updated. The partitions of job and outcome_run are
the spans.
  J1  seq counts from 0 without a gap, and blocks neither overlap nor leave gaps. Jobs are sorted by
      priority, highest first, then as posted. A block has at most 1,000 jobs. The block of a job is
      the last one whose first_seq is at most seq: one step of the index.
  J2  indexes has the index of each job of the block: its position among the posted jobs. Null if
      all priorities of the posting are equal: then index equals seq.
  J3  args has one line for each job: the JSON of a list of arguments, or of an object that is the
      one argument. Line feeds separate the lines; no JSON value on one line contains one.
  J4  A block of several jobs has at most 65,536 bytes of arguments. A job with more has a block to
      itself.
  J6  A block may be a sweep, of any number of jobs, in postings that are not sorted. It has no
      args: sweep describes all combinations of some values (sql/engine/sweep.sql), and the lines
      are computed. No line has more than line_bytes bytes. Both it and a line have at most 65,536.
  J7  Or its sweep names another posting, such as {"over": 41, "posting": 42, "with": [2]}: the
      lines are computed from the results of that one (sql/engine/over.sql). posting is its own,
      and it has all jobs of the posting.
Each line is checked when it is posted, and then stored and returned unchanged.';

-- Applies the policy of posting to each row. Without "offset 0" the planner may read all postings.
-- All jobs of a lease have the same route.
alter table pdoflow.job enable row level security;
create policy seen on pdoflow.job for select using (
  (select pdoflow.reads_all())
  or exists (select from pdoflow.posting p where p.id = posting_id offset 0));
