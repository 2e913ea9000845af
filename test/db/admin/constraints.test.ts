// The values that the tables refuse, no matter which program, version or person writes them.
import { expect, test } from "bun:test";

import type { Sql } from "../../../src/db/connection/connect.ts";
import {
  queueOfFile,
  jobsOf,
  newPool,
  postJobs,
  putBack,
  recordPart,
  refusal,
  take,
} from "../engine.ts";

const freshQueue = queueOfFile();

test.each<[string, string, (sql: Sql) => PromiseLike<unknown>]>([
  [
    "R1: a second route for the same poster and needs",
    "route_poster_poster_os_needs_run_project_key",
    (sql) => sql`
      insert into pdoflow.route (poster, poster_os) select poster, poster_os from pdoflow.route`,
  ],
  [
    "P1: a posting without jobs",
    "p1_not_empty",
    (sql) => sql`update pdoflow.posting set job_count = 0`,
  ],
  [
    "P2: an end without true totals",
    "p2_ended_is_counted",
    (sql) => sql`update pdoflow.posting set ended_at = now(), done = 1`,
  ],
  [
    "P3: a finished posting that has not ended",
    "p3_finished_has_ended",
    (sql) => sql`update pdoflow.posting set state = 'finished'`,
  ],
  ["P4: no tries", "p4_sane_limits", (sql) => sql`update pdoflow.posting set max_attempts = 0`],
  [
    "P4: 1001 tries",
    "p4_sane_limits",
    (sql) => sql`update pdoflow.posting set max_attempts = 1001`,
  ],
  ["P4: backoff", "p4_sane_limits", (sql) => sql`update pdoflow.posting set backoff_ms = -1`],
  ["P4: timeout", "p4_sane_limits", (sql) => sql`update pdoflow.posting set timeout_ms = 0`],
  ["P4: grace", "p4_sane_limits", (sql) => sql`update pdoflow.posting set grace_ms = -1`],
  ["N1: an empty lane", "n1_a_range", (sql) => sql`update pdoflow.lane set end_seq = first_seq`],
  [
    "N1: two lanes of one priority",
    "lane_pkey",
    (sql) => sql`
      insert into pdoflow.lane (posting_id, priority, first_seq, end_seq, route_id)
      select posting_id, priority, first_seq, end_seq, route_id from pdoflow.lane`,
  ],
  [
    "N2: an open lane that a lease has closed",
    "n2_closed_by_a_lease",
    (sql) => sql`update pdoflow.lane set closed_by = 1`,
  ],
  [
    "J1: a job twice",
    "job_1_pkey",
    (sql) => sql`insert into pdoflow.job select * from pdoflow.job`,
  ],
  ["J1: an empty block", "j1_a_run", (sql) => sql`update pdoflow.job set end_seq = first_seq`],
  [
    "J2: more indexes than jobs",
    "j2_an_index_each",
    (sql) => sql`update pdoflow.job set indexes = array_fill(0, array[end_seq - first_seq + 1])`,
  ],
  [
    "L1: a second lease that starts at the same job",
    "l1_no_overlap",
    (sql) => sql`
      insert into pdoflow.lease (pool_id, lane_posting_id, lane_priority, lane_first_seq,
                                 lane_end_seq, posting_ids, first_seqs, end_seqs, attempts)
      select pool_id, lane_posting_id, lane_priority, lane_first_seq, lane_end_seq, posting_ids,
             first_seqs, end_seqs, attempts from pdoflow.lease`,
  ],
  ["Y1: an empty retry", "y1_a_range", (sql) => sql`update pdoflow.retry set end_seq = first_seq`],
  ["Y1: attempt 0", "y1_a_range", (sql) => sql`update pdoflow.retry set attempt = 0`],
  [
    "U1: a second outcome of one attempt",
    "outcome_run_1_pkey",
    (sql) => sql`insert into pdoflow.outcome_run select * from pdoflow.outcome_run`,
  ],
  [
    "U5: a run of no jobs",
    "u5_a_run",
    (sql) => sql`update pdoflow.outcome_run set first_seq = end_seq`,
  ],
  [
    "U5: a run of too many jobs",
    "u5_a_run",
    (sql) => sql`update pdoflow.outcome_run set end_seq = first_seq + 1001`,
  ],
  [
    "U6: two durations of one job",
    "u6_one_for_each_job",
    (sql) => sql`update pdoflow.outcome_run set durations_us = '{1,2}'`,
  ],
  [
    "U6: a job without a time",
    "u6_one_for_each_job",
    (sql) => sql`update pdoflow.outcome_run set offsets_ms = '{null}'`,
  ],
  [
    "U7: long results of two jobs",
    "u7_small",
    (sql) => sql`
      update pdoflow.outcome_run
      set end_seq = end_seq + 1, offsets_ms = '{0,0}', durations_us = '{1,1}',
          results = repeat('1', 262145)`,
  ],
  [
    "U8: a peak of two jobs of one",
    "u8_usage",
    (sql) => sql`update pdoflow.outcome_run set usage = '{1,2,3,4,5,6}'`,
  ],
  [
    "T5: a viewer with a share",
    "t5_of_its_kind",
    (sql) => sql`
      insert into pdoflow.grantee (role, kind, share) values ('pg_monitor', 'viewer', 2)`,
  ],
  [
    "J3: arguments that are neither a list nor an object",
    "j3_lists_or_objects",
    (sql) => sql`update pdoflow.job set args = '1'`,
  ],
  [
    "J6: arguments and a sweep",
    "j6_one_of_two",
    (sql) => sql`update pdoflow.job set sweep = '{}', line_bytes = 1`,
  ],
  [
    "J6: neither arguments nor a sweep",
    "j6_one_of_two",
    (sql) => sql`update pdoflow.job set args = null`,
  ],
  [
    "J6: a sweep with long lines",
    "j6_small",
    (sql) => sql`update pdoflow.job set args = null, sweep = '{}', line_bytes = 65537`,
  ],
  [
    "O1: a state that no pool has",
    "pool_state_check",
    (sql) => sql`update pdoflow.pool set state = 'asleep'`,
  ],
])("%s", async (_, constraint, write) => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  await postJobs(db, 5);
  const jobs = jobsOf(await take(db, pool, { cap: 3 }));
  await recordPart(db, pool, jobs.slice(0, 1));
  await putBack(db, pool, jobs);
  expect(await refusal(write(db.sql))).toContain(constraint);
});
