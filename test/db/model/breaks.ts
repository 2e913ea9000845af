import type { Db } from "../../../src/db/connection/connect.ts";

/** A fault to be put into a function of sql/: each `find` in its text becomes `instead`. */
export interface Break {
  name: string;
  routine: string;
  find: string;
  instead: string;
}

/** Each of these the model has to find. */
export const breaks: readonly Break[] = [
  {
    name: "claims do not lock the lane",
    routine: "claim_lane",
    find: "for no key update;",
    instead: ";",
  },
  {
    name: "a claim takes one job more than it may",
    routine: "claim_lane",
    find: "least(v_size, v_cap,",
    instead: "least(v_size, v_cap + 1,",
  },
  {
    name: "claims take the lowest priority first",
    routine: "best_lane",
    find: "order by effective_priority desc, posting_id",
    instead: "order by effective_priority, posting_id",
  },
  {
    name: "a claim begins behind its position",
    routine: "best_lane",
    find: "and effective_priority = f.priority and posting_id >= f.id",
    instead: "and effective_priority = f.priority and posting_id > f.id",
  },
  {
    name: "a claim of the oldest begins behind its position",
    routine: "best_lane",
    find: "and posting_id >= coalesce((",
    instead: "and posting_id > coalesce((",
  },
  {
    name: "a claim from a position does not see higher priorities",
    routine: "best_lane",
    find: "and effective_priority > f.priority",
    instead: "and false",
  },
  {
    name: "a claim from a position does not see lower priorities",
    routine: "best_lane",
    find: "and effective_priority < coalesce(f.priority, 2147483648)",
    instead: "and f.priority is null",
  },
  {
    name: "postings to skip are taken whole with others",
    routine: "claim_whole_lanes",
    find: "and posting_id <> all (p_skip)",
    instead: "",
  },
  {
    name: "postings to skip are claimed as retries with others",
    routine: "claim_retries",
    find: "and r.posting_id <> all (p_options.skip)",
    instead: "",
  },
  {
    name: "of the chosen postings others are taken whole too",
    routine: "claim_lane",
    find: "p_options.postings is null and",
    instead: "",
  },
  {
    name: "retries of others are claimed with those of the chosen postings",
    routine: "claim_retries",
    find: "and (p_options.postings is null or r.posting_id = any (p_options.postings))",
    instead: "",
  },
  {
    name: "a lane that was begun is taken whole once more",
    routine: "claim_whole_lanes",
    find: "e.lane_posting_id = l.posting_id",
    instead: "e.lane_posting_id = -l.posting_id",
  },
  {
    name: "a paused posting is claimed alone",
    routine: "claim_single",
    find: "l.state = 'open'",
    instead: "true",
  },
  {
    name: "a posting with a limit is claimed alone",
    routine: "claim_single",
    find: "and coalesce(p.max_running, p.rate_count) is null",
    instead: "",
  },
  {
    name: "two claims take the same retries",
    routine: "claim_retries",
    find: "for update of r skip locked",
    instead: "",
  },
  {
    name: "claimed retries are not counted",
    routine: "uncount_retries",
    find: "select t.posting_id, -coalesce",
    instead: "select t.posting_id, 0 * coalesce",
  },
  {
    name: "outcomes are not fenced by the lease",
    routine: "lock_leases",
    find: "where id = any (p_asked) and case when active then pool_id end = p_pool",
    instead: "where id = any (p_asked)",
  },
  {
    name: "recording does not lock the lease",
    routine: "lock_leases",
    find: "order by id for no key update)",
    instead: "order by id)",
  },
  {
    name: "recording a retry does not make a pause wait",
    routine: "lock_retried",
    find: "order by id for no key update;",
    instead: "order by id;",
  },
  {
    name: "a run that reaches beyond its lease is written",
    routine: "refused_positions",
    find: "and b.end_seq <= r.end_seq",
    instead: "and b.first_seq < r.end_seq",
  },
  {
    name: "a run that was recorded before counts again",
    routine: "refused_positions",
    find: "limit 1) > b.first_seq",
    instead: "limit 1) > b.first_seq + 1",
  },
  {
    name: "a released job that has ended is released again",
    routine: "unfinished",
    find: "range_agg(int4range(o.first_seq, o.end_seq))",
    instead: "range_agg(int4range(o.first_seq, o.end_seq - 1))",
  },
  {
    name: "a retry has the attempt number of the one before",
    routine: "insert_retries",
    find: "b.attempt + 1",
    instead: "b.attempt",
  },
  {
    name: "a retry of a paused posting is due",
    routine: "insert_retries",
    find: "else 'infinity'",
    instead: "else now()",
  },
  {
    name: "releasing forgets the last job of a range",
    routine: "unfinished",
    find: "int4range(r.first_seq, r.end_seq)",
    instead: "int4range(r.first_seq, r.end_seq - 1)",
  },
  {
    name: "releasing does not lock the lease",
    routine: "release",
    find: "order by id for update",
    instead: "order by id",
  },
  {
    name: "a lease that was released is not let go of",
    routine: "release",
    find: "set active = k.posting_ids is not null",
    instead: "set active = l.active",
  },
  {
    name: "a rescue does not release",
    routine: "rescue",
    find: "jobs := v_lost.jobs + pdoflow.release(v_pool.id, v_leases, '{}', '{}', '{}', '{}', '{}', 1)",
    instead: "jobs := v_lost.jobs",
  },
  {
    name: "a rescue blames nobody",
    routine: "record_lost",
    find: "having count(*) > 0",
    instead: "having count(*) < 0",
  },
  {
    name: "a pool gets a second suspect",
    routine: "claim",
    find: "where pool_id = p_pool and active and lost >= 2",
    instead: "where false",
  },
  {
    name: "suspects are not claimed one by one",
    routine: "claim_retries",
    find: "if v_lost >= 2 then v_left := 1",
    instead: "if v_lost >= 2 then v_left := 2",
  },
  {
    name: "a suspect is not charged with the loss of its pool",
    routine: "record_lost",
    find: "l.lost >= 2",
    instead: "l.lost >= 3",
  },
  {
    name: "claims of a posting with a limit do not wait for each other",
    routine: "lock_permits",
    find: "perform pg_advisory_xact_lock(v_key)",
    instead: "perform 1",
  },
  {
    name: "a limit counts what is leased as free",
    routine: "limit_room",
    find: "l.active and p_posting",
    instead: "false and p_posting",
  },
  {
    name: "a lease counts as all of its jobs, not as the number that it may run",
    routine: "limit_room",
    find: "sum(least(l.running_limit, (",
    instead: "sum(least(null::integer, (",
  },
  {
    name: "retries of a posting with a limit are claimed with those of others",
    routine: "claim_retries",
    find: "else coalesce(p.max_running, p.rate_count) is null",
    instead: "else true",
  },
  {
    name: "a lane with a limit is taken whole with others",
    routine: "claim_whole_lanes",
    find: "and coalesce(p.max_running, p.rate_count) is null",
    instead: "",
  },
  {
    name: "finishing counts no cancelled jobs",
    routine: "finish",
    find: "t.done + t.failed + t.cancelled",
    instead: "t.done + t.failed",
  },
  {
    name: "finishing mixes up done and failed",
    routine: "finish",
    find: "set done = t.done, failed = t.failed",
    instead: "set done = t.failed, failed = t.done",
  },
  {
    name: "folding loses the returned jobs",
    routine: "fold",
    find: "sum(released)",
    instead: "0",
  },
  {
    name: "pausing does not wait for cancelling",
    routine: "pause_postings",
    find: "order by id for no key update",
    instead: "order by id",
  },
  {
    name: "resuming forgets the lanes",
    routine: "resume_postings",
    find: "and state = 'paused'",
    instead: "and state = 'closed'",
  },
  {
    name: "resuming starts what is yet to start",
    routine: "resume_postings",
    find: "p.run_at is not null",
    instead: "false",
  },
  {
    name: "starting forgets the lanes",
    routine: "start_due",
    find: "and state = 'paused'",
    instead: "and state = 'closed'",
  },
  {
    name: "cancelling does not wait for claims",
    routine: "cancel_postings",
    find: "order by posting_id, priority for no key update",
    instead: "order by posting_id, priority",
  },
  {
    name: "cancelling forgets that what was retried by hand had failed",
    routine: "cancel_postings",
    find: "select posting_id, -jobs, jobs, 0, 0 from",
    instead: "select posting_id, 0, 0, 0, 0 from",
  },
  {
    name: "retrying by hand does not wait for others who do the same",
    routine: "retry_failed",
    find: "state <> 'cancelled' for no key update",
    instead: "state <> 'cancelled'",
  },
  {
    name: "retrying by hand takes failures that count no more",
    routine: "failed_jobs",
    find: "o.seq, f.attempt + 1)\n",
    instead: "o.seq, f.attempt + 2)\n",
  },
  {
    name: "another priority forgets the retries",
    routine: "set_priorities",
    find: "update pdoflow.retry set priority = p_priority",
    instead: "update pdoflow.retry set priority = priority",
  },
  {
    name: "another priority does not wait for retries that are being recorded",
    routine: "set_priorities",
    // Without the lock alone, the update of the posting would wait for them.
    find: `order by id for no key update);
  update pdoflow.posting set override_priority = p_priority where id = any (v_ids);
  update pdoflow.lane set override_priority = p_priority where posting_id = any (v_ids);
  update pdoflow.retry set priority = p_priority where posting_id = any (v_ids);`,
    instead: `order by id);
  update pdoflow.retry set priority = p_priority where posting_id = any (v_ids);
  update pdoflow.posting set override_priority = p_priority where id = any (v_ids);
  update pdoflow.lane set override_priority = p_priority where posting_id = any (v_ids);`,
  },
  {
    name: "the slots that are wanted leave out running jobs",
    routine: "desired",
    find: "greatest(running, 0) + startable",
    instead: "startable",
  },
  {
    name: "the slots that are wanted exceed a limit",
    routine: "desired",
    find: "sum(least(max_running, greatest(running, 0) + startable))",
    instead: "sum(greatest(running, 0) + startable)",
  },
  {
    name: "the slots that are wanted include retries that are not due",
    routine: "due_jobs",
    find: "and r.due_at <= now()",
    instead: "",
  },
  {
    name: "the slots that are wanted include paused lanes",
    routine: "desired",
    find: "where l.state = 'open' or",
    instead: "where true or",
  },
];

/** The text of the function with this fault. @throws if the function's text has changed. */
export async function brokenText({ sql }: Db, fault: Break): Promise<string> {
  const [row] = await sql<{ text: string }[]>`
    select pg_get_functiondef(oid) as text from pg_proc
    where proname = ${fault.routine} and pronamespace = 'pdoflow'::regnamespace`;
  if (!row?.text.includes(fault.find)) {
    throw new Error(
      `expected "${fault.find}" in ${fault.routine}: adapt the break "${fault.name}"`,
    );
  }
  return row.text.replaceAll(fault.find, () => fault.instead);
}

/** Puts the fault into this database. */
export async function breakRoutine(db: Db, fault: Break): Promise<void> {
  await db.sql.unsafe(await brokenText(db, fault));
}
