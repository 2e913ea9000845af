// Invariants at every commit, in addition to ../invariants.ts: each job is in one place, totals are
// true, and the leases of a lane leave no gap.
import type { Db } from "../../../src/db/connection/connect.ts";
import { brokenInvariants } from "../invariants.ts";
import { attemptKey, type Attempt, type Place, type Queue } from "./queue.ts";

/** The faults in the database, a sentence for each. */
export async function faultsOf(db: Db): Promise<string[]> {
  const looks = [attempts, attemptsOfLeases, ended, owners, running];
  const rows = await Promise.all(looks.map((look) => look(db)));
  return [...(await brokenInvariants(db)), ...rows.flat().map(({ fault }) => fault)];
}

/** L4: no more jobs of a posting may run, by the leases that have jobs without an outcome. */
const running = ({ sql }: Db) => sql<{ fault: string }[]>`
  select format('L4: %s jobs of posting %s may run, expected %s at most', sum(l.most), p.id,
                p.max_running) as fault
  from (
    select r.posting_id, least(l.running_limit, count(*)) as most
    from pdoflow.lease l cross join lateral
      unnest(l.posting_ids, l.first_seqs, l.end_seqs, l.attempts)
        as r (posting_id, first_seq, end_seq, attempt)
      cross join lateral generate_series(r.first_seq, r.end_seq - 1) as s (seq)
    where l.active and not exists (
      select from pdoflow.outcome o
      where (o.posting_id, o.seq, o.attempt) = (r.posting_id, s.seq, r.attempt))
    group by l.id, r.posting_id) l join pdoflow.posting p on p.id = l.posting_id
  group by p.id having sum(l.most) > p.max_running`;

/** The attempts of a job are 1, 2, … and each but the last one had failed, for good or not (U2). */
const attempts = ({ sql }: Db) => sql<{ fault: string }[]>`
  select format('attempts: outcome %s of job %s/%s is attempt %s of %s: %s', place, posting_id,
                seq, attempt, many, state) as fault
  from (select *, row_number() over w as place, count(*) over (partition by posting_id, seq) as many
        from pdoflow.outcome window w as (partition by posting_id, seq order by attempt)) o
  where attempt <> place or (place < many and state not in ('retried', 'failed'))
  union all
  select format('attempts: job %s/%s waits for attempt %s after %s outcomes', posting_id, s.seq,
                attempt, many)
  from pdoflow.retry r cross join lateral generate_series(first_seq, end_seq - 1) as s (seq)
    cross join lateral (select count(*) as many from pdoflow.outcome o
                        where (o.posting_id, o.seq) = (r.posting_id, s.seq)) o
  where attempt <> many + 1`;

/** The attempt number of a job never goes down from lease to lease, and follows its outcomes. */
const attemptsOfLeases = ({ sql }: Db) => sql<{ fault: string }[]>`
  with leased as (
    select l.id, l.active, r.posting_id, s.seq, r.attempt,
           lag(r.attempt) over (partition by r.posting_id, s.seq order by l.id) as before
    from pdoflow.lease l cross join lateral
      unnest(l.posting_ids, l.first_seqs, l.end_seqs, l.attempts)
        as r (posting_id, first_seq, end_seq, attempt)
      cross join lateral generate_series(r.first_seq, r.end_seq - 1) as s (seq))
  select format('attempt numbers: lease %s has job %s/%s at attempt %s, after %s', id, posting_id,
                seq, attempt, before) as fault
  from leased where attempt < before
  union all
  select format('attempts: lease %s has job %s/%s at attempt %s after %s outcomes', id, posting_id,
                seq, attempt, o.many)
  from leased l cross join lateral (
    select count(*) as many from pdoflow.outcome o
    where (o.posting_id, o.seq) = (l.posting_id, l.seq) and o.attempt < l.attempt) o
  where active and attempt <> o.many + 1`;

/** Nothing of a posting that has ended is left to claim or to run. */
const ended = ({ sql }: Db) => sql<{ fault: string }[]>`
  select format('ended: posting %s has, and jobs of it wait again', r.posting_id) as fault
  from pdoflow.retry r join pdoflow.posting p on p.id = r.posting_id where p.ended_at is not null
  union all
  select format('ended: posting %s has, and its lane %s is %s', p.id, l.priority, l.state)
  from pdoflow.lane l join pdoflow.posting p on p.id = l.posting_id
  where p.ended_at is not null and l.state <> 'closed'
  union all
  select format('ended: posting %s has, and job %s runs under lease %s', p.id, s.seq, l.id)
  from pdoflow.lease l cross join lateral
    unnest(l.posting_ids, l.first_seqs, l.end_seqs, l.attempts)
      as r (posting_id, first_seq, end_seq, attempt)
    cross join lateral generate_series(r.first_seq, r.end_seq - 1) as s (seq)
    join pdoflow.posting p on p.id = r.posting_id
  where l.active and p.ended_at is not null and not exists (
    select from pdoflow.outcome o
    where (o.posting_id, o.seq, o.attempt) = (r.posting_id, s.seq, r.attempt))`;

/** A lost pool has no lease, and each outcome and lease has a pool that wrote it. */
const owners = ({ sql }: Db) => sql<{ fault: string }[]>`
  select format('owners: pool %s is %s, and holds lease %s', p.id, p.state, l.id) as fault
  from pdoflow.lease l join pdoflow.pool p on p.id = l.pool_id
  where l.active and p.state in ('lost', 'stopped')
  union all
  select format('owners: outcome %s/%s#%s is of lease %s, which there is none of', posting_id, seq,
                attempt, lease_id)
  from pdoflow.outcome o where not exists (select from pdoflow.lease l where l.id = o.lease_id)`;

/**
 * Facts that went backwards between two moments, or that a pool without the lease recorded.
 * `isByHand`: failed jobs were retried.
 */
export function wentBack(before: Queue, after: Queue, isByHand: boolean): string[] {
  const faults: string[] = [];
  for (const [key, { state, leaseId }] of before.outcomes) {
    const now = after.outcomes.get(key);
    if (now?.state !== state || now.leaseId !== leaseId) faults.push(`outcome ${key} has changed`);
  }
  for (const [key, { leaseId }] of after.outcomes) {
    const lease = before.leases.get(leaseId);
    if (before.outcomes.has(key) || !lease || (lease.isActive && lists(lease.jobs, key))) continue;
    faults.push(`outcome ${key} was written for lease ${leaseId}, which had let go of it`);
  }
  for (const [key, place] of before.places) {
    const [was, is] = [attemptAt(place), attemptAt(after.places.get(key))];
    const now = after.places.get(key);
    const isFailedAgain = now?.at === "ended" && now.state === "failed" && is === was - 1; // U2
    if (is < was && !isFailedAgain) {
      faults.push(`job ${key} was at attempt ${was} and is at ${is}`);
    }
    const mayGoOn = place.at === "ended" && place.state === "failed" && isByHand;
    if (place.at === "ended" && now?.at !== "ended" && !mayGoOn) {
      faults.push(`job ${key} had ended`);
    }
  }
  for (const { id, isEnded } of before.postings.values()) {
    if (isEnded && !after.postings.get(id)?.isEnded && !isByHand) {
      faults.push(`posting ${id} had ended`);
    }
  }
  for (const { id, isActive } of before.leases.values()) {
    if (!isActive && after.leases.get(id)?.isActive) faults.push(`lease ${id} had been let go`);
  }
  return faults;
}

const lists = (jobs: readonly Attempt[], key: string) =>
  jobs.some((job) => attemptKey(job) === key);

/** A cancelled job has no more attempts: that is beyond all of them. */
function attemptAt(place: Place | undefined): number {
  if (place === undefined) return 0;
  if (place.at === "lane") return 1;
  return place.at === "cancelled" ? Number.POSITIVE_INFINITY : place.attempt;
}
