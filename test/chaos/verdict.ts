import { readdirSync } from "node:fs";

import type { Db } from "../../src/db/connection/connect.ts";
import { brokenInvariants } from "../db/invariants.ts";
import type { Arena } from "./arena.ts";
import type { Chronicle } from "./chronicle.ts";
import { compareRuns } from "./compare-runs.ts";
import { readJournal } from "./journal.ts";
import { ranTooEarly } from "./ran-too-early.ts";
import type { Batch } from "./poster.ts";
import { processesWith } from "./processes.ts";

/** The faults, by the name of the check that found them; empty if all is well. */
export type Verdict = { check: string; fault: string }[];

/** The data to judge. */
export interface Case {
  arena: Arena;
  db: Db;
  chronicle: Chronicle;
  batches: readonly Batch[];
}

type Check = (of: Case) => Promise<string[]>;

const checks: Readonly<Record<string, Check>> = {
  "pools and posters end only when they are told to": async ({ chronicle }) => chronicle.violations,
  "what was posted is there, whole": postedIsThere,
  "every posting has ended": postingsEnded,
  "each job has ended exactly once, and the totals are a count of all": ({ db }) =>
    brokenInvariants(db),
  "attempts count from 1 without a gap, and the last one ends its job": attemptsWithoutGaps,
  "what was recorded is what ran": async ({ arena, db, chronicle, batches }) =>
    await compareRuns(db, chronicle, readJournal(arena.journal), batches),
  "no job ran before the job that it follows was done": ({ arena, batches, chronicle }) =>
    ranTooEarly(readJournal(arena.journal), batches, chronicle),
  "nothing is left in the tables": nothingLeftInTables,
  "no pool left with a lease in its hand": leasesOfTheGone,
  "the server logged no error": async ({ arena }) =>
    arena.server.readLog().match(/^.* (ERROR|PANIC): .*$/gm) ?? [],
  "there was no deadlock": deadlocks,
  "no process is left": async ({ arena }) =>
    processesWith(arena.journal).map(({ pid, parent }) => `process ${pid}, child of ${parent}`),
  "no temporary file is left": async ({ arena }) => readdirSync(arena.scratch),
};

/** Judges a run after its faults, when all pools have ended. */
export async function judge(of: Case): Promise<Verdict> {
  await of.db.sql`analyze`; // the checks read everything, some of it by joins
  const verdict: Verdict = [];
  for (const [check, look] of Object.entries(checks)) {
    for (const fault of await look(of)) verdict.push({ check, fault });
  }
  return verdict;
}

/** The server's counter starts anew after a crash, so that its log is counted too. */
async function deadlocks({ arena, db: { sql } }: Case): Promise<string[]> {
  const [row] = await sql<{ counted: number }[]>`
    select deadlocks::integer as counted from pg_stat_database where datname = current_database()`;
  const logged = arena.server.readLog().match(/ deadlock detected$/gm)?.length ?? 0;
  const most = Math.max(row?.counted ?? 0, logged);
  return most === 0 ? [] : [`${most} deadlocks`];
}

async function postedIsThere({ db: { sql, schema }, batches }: Case): Promise<string[]> {
  const rows = await sql<{ id: number; jobCount: number; jobs: number }[]>`
    select p.id, p.job_count, coalesce(sum(j.end_seq - j.first_seq), 0)::integer as jobs
    from ${schema}.posting p left join ${schema}.job j on j.posting_id = p.id group by p.id`;
  const byId = new Map(rows.map((row) => [row.id, row]));
  const missing = batches.filter(({ postingId: id, jobCount }) => {
    return id !== null && byId.get(id)?.jobCount !== jobCount;
  });
  const partial = rows.filter(({ jobCount, jobs }) => jobCount !== jobs);
  const [lost] = await sql<{ jobs: number }[]>`
    select coalesce(sum(end_seq - first_seq), 0)::integer as jobs from ${schema}.job
    where posting_id not in (select id from ${schema}.posting)`;
  return [
    ...missing.map(({ postingId }) => `posting ${postingId} was acknowledged and is not there`),
    ...partial.map(({ id, jobs, jobCount }) => `posting ${id} has ${jobs} of ${jobCount} jobs`),
    ...(lost?.jobs === 0 ? [] : [`${lost?.jobs} jobs have no posting`]),
  ];
}

async function postingsEnded({ db: { sql, schema } }: Case): Promise<string[]> {
  const rows = await sql<{ id: number; state: string }[]>`
    select id, state from ${schema}.posting where ended_at is null order by id`;
  return rows.map(({ id, state }) => `posting ${id} has not ended: it is ${state}`);
}

async function attemptsWithoutGaps({ db: { sql, schema } }: Case): Promise<string[]> {
  const rows = await sql<{ fault: string }[]>`
    with job as materialized ( -- all of them: with a limit the planner prefers a nested loop
      select posting_id, seq, min(attempt) as first, max(attempt) as last, count(*) as outcomes,
             count(*) filter (where state <> 'retried') as ends,
             max(attempt) filter (where state <> 'retried') as ended_at,
             array_agg(attempt || ' ' || state order by attempt) as attempts
      from ${schema}.outcome group by posting_id, seq)
    select format('job %s/%s has attempts %s', j.posting_id, j.seq, j.attempts) as fault
    from job j join ${schema}.posting p on p.id = j.posting_id
    where first <> 1 or last <> outcomes or ends > 1 or last <> j.ended_at
       or (p.state <> 'cancelled' and ends = 0)
    limit 20`;
  return rows.map(({ fault }) => fault);
}

async function leasesOfTheGone({ db: { sql, schema } }: Case): Promise<string[]> {
  const rows = await sql<{ fault: string }[]>`
    select format('lease %s of pool %s (pid %s), which is %s, holds jobs of posting %s', l.id, p.id,
                  p.pid, p.state, l.posting_ids[1]) as fault
    from ${schema}.lease l join ${schema}.pool p on p.id = l.pool_id
    where l.active order by l.id limit 20`;
  return rows.map(({ fault }) => fault);
}

async function nothingLeftInTables({ db: { sql, schema } }: Case): Promise<string[]> {
  const [row] = await sql<Record<string, number>[]>`
    select (select count(*) from ${schema}.lease where active)::integer as "held leases",
           (select count(*) from ${schema}.retry)::integer as "retries",
           (select count(*) from ${schema}.progress)::integer as "progress rows",
           (select count(*) from ${schema}.lane where state <> 'closed')::integer as "open lanes",
           (select count(*) from ${schema}.pool where state in ('up', 'draining'))::integer
             as "pools that are up"`;
  return Object.entries(row ?? {})
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${count} ${what}`);
}
