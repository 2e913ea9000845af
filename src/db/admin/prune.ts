import { setTimeout as sleep } from "node:timers/promises";

import type { PostingState } from "../../domain/states.ts";
import { texts } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";
import { pruneFlows } from "../engine/flows.ts";
import { pruneRoutes } from "../engine/routes.ts";
import { isHalfBuilt, type Shrunk, vacuum } from "./vacuum.ts";

/** The states in which a posting may have ended. */
export type EndState = Extract<PostingState, "finished" | "cancelled">;

export interface PruneOptions {
  /** How long ago, by the database's clock, a posting must have ended. */
  olderThanMs: number;
  states: readonly EndState[];
}

export interface Prunable {
  postings: number;
  jobs: number;
}

export interface Pruned extends Prunable {
  /** How much smaller the tables and their indexes are on disk. */
  bytes: number;
  /** Spans that are empty, or have jobs to delete, and that were in use all the time. */
  busy: number;
}

/** The current step of a prune, and the number of jobs it has done. */
export type OnProgress = (doing: string, jobs: number) => void;

/** The rows read or deleted in one transaction: some tens of ms. */
const batch = 10_000;
/** The number of times, and the pause, to try again for something that is in use. */
const retries = 50;
const pauseMs = 20;

/** The number of postings that can be pruned, and of their jobs. Reads all postings. */
export async function countPrunable({ sql, schema }: Db, options: PruneOptions): Promise<Prunable> {
  const [row] = await sql<Prunable[]>`
    select count(*) as postings, coalesce(sum(job_count), 0)::bigint as jobs
    from ${schema}.posting p
    where ${schema}.is_prunable(
        p, ${options.olderThanMs}, ${states(options)}::${schema}.posting_state[])
      and not ${schema}.is_kept_by_edge(
        p.id, ${options.olderThanMs}, ${states(options)}::${schema}.posting_state[])`;
  return row ?? { postings: 0, jobs: 0 };
}

/**
 * Deletes ended postings with all their rows, and returns the space to the disk. It also finishes
 * the work of a killed prune. Each step is a short transaction that delays no posting, claiming or
 * recording. Several may run at once.
 */
export async function prune(
  db: Db,
  options: PruneOptions,
  onProgress: OnProgress = () => {},
): Promise<Pruned> {
  const before = await sizeOf(db);
  const gone = await prunePostings(db, options, onProgress);
  const shrunk: Shrunk[] = [];
  let busy = 0;
  let jobs = 0;
  const didJobs = (more: number) => onProgress("deleting jobs", (jobs += more));
  for (const span of await usedSpans(db)) {
    if (!span.hasPostings) {
      if (!(await patiently(() => emptySpan(db, span)))) busy += 1;
    } else if (span.hasPruned) {
      const deleted = await pruneJobs(db, span.firstId, didJobs);
      const share = deleted / Math.max(deleted, span.jobs);
      for (const table of [span.jobTable, span.outcomeTable]) shrunk.push({ table, share });
    }
  }
  onProgress("deleting leases", jobs);
  await pruneLeases(db);
  await pruneRoutes(db, batch);
  await pruneFlows(db, batch);
  await db.sql`select ${db.schema}.prune_pools(${options.olderThanMs})`;
  await patiently(async () => (await dropSpans(db)) === 0);
  onProgress("vacuuming", jobs);
  if (gone.postings > 0 || shrunk.length > 0 || (await isHalfBuilt(db))) await vacuum(db, shrunk);
  return { ...gone, busy, bytes: Math.max(0, before - (await sizeOf(db))) };
}

const states = (options: PruneOptions) => texts(options.states);

async function prunePostings(
  { sql, schema }: Db,
  options: PruneOptions,
  onProgress: OnProgress,
): Promise<Prunable> {
  const sum = { postings: 0, jobs: 0 };
  for (let after: number | null = 0; after !== null;) {
    const rows: (Prunable & { lastId: number | null })[] = await sql`
      select last_id, postings, jobs from ${schema}.prune_postings(
        ${after}, ${options.olderThanMs}, ${states(options)}::${schema}.posting_state[], ${batch})`;
    after = rows[0]?.lastId ?? null;
    sum.postings += rows[0]?.postings ?? 0;
    sum.jobs += rows[0]?.jobs ?? 0;
    onProgress("deleting postings", sum.jobs);
  }
  return sum;
}

interface StoredSpan {
  firstId: number;
  jobTable: string;
  outcomeTable: string;
  hasPostings: boolean;
  hasPruned: boolean;
  /** The approximate number of its outcomes; -1 if it is unknown. */
  jobs: number;
}

/** The spans that store anything. */
const usedSpans = ({ sql, schema }: Db) => sql<StoredSpan[]>`
  select s.first_id, j.relname::text as job_table, o.relname::text as outcome_table,
         o.reltuples::float8 as jobs,
         exists (select from ${schema}.posting
                 where id >= s.first_id and id < s.end_id) as has_postings,
         exists (select from ${schema}.pruned
                 where posting_id >= s.first_id and posting_id < s.end_id) as has_pruned
  from ${schema}.span s join pg_class j on j.oid = s.jobs join pg_class o on o.oid = s.outcomes
  where pg_relation_size(s.jobs) + pg_relation_size(s.outcomes) > 0
     or exists (select from ${schema}.pruned
                where posting_id >= s.first_id and posting_id < s.end_id)
  order by s.first_id`;

/** False if the span is in use. */
async function emptySpan({ sql, schema }: Db, { firstId }: StoredSpan): Promise<boolean> {
  const [row] = await sql<{ bytes: number | null }[]>`
    select ${schema}.empty_span(${firstId}) as bytes`;
  if (row?.bytes === null) return false;
  // The jobs of these rows are gone; many small postings have many rows.
  for (;;) {
    const { count } = await sql`
      delete from ${schema}.pruned where posting_id in (
        select n.posting_id from ${schema}.pruned n join ${schema}.span s
          on n.posting_id >= s.first_id and n.posting_id < s.end_id
        where s.first_id = ${firstId} and not exists (
          select from ${schema}.job j where j.posting_id = n.posting_id)
        limit ${batch})`;
    if (count === 0) return true;
  }
}

/** Deletes the jobs and outcomes of pruned postings of one span; returns the number of jobs. */
async function pruneJobs(
  { sql, schema }: Db,
  firstId: number,
  onBatch: (jobs: number) => void,
): Promise<number> {
  let sum = 0;
  for (;;) {
    const [row] = await sql<{ jobs: number | null }[]>`
      select ${schema}.prune_jobs(${firstId}, ${batch}) as jobs`;
    if (row === undefined || row.jobs === null) return sum;
    sum += row.jobs;
    onBatch(row.jobs);
  }
}

async function pruneLeases({ sql, schema }: Db): Promise<void> {
  for (let after: number | null = 0; after !== null;) {
    const rows: { lastId: number | null }[] = await sql`
      select last_id from ${schema}.prune_leases(${after}, ${batch})`;
    after = rows[0]?.lastId ?? null;
  }
}

/** The number of deleted ones; null if jobs or outcomes are in use. */
async function dropSpans({ sql, schema }: Db): Promise<number | null> {
  const [row] = await sql<{ dropped: number | null }[]>`select ${schema}.drop_spans() as dropped`;
  return row?.dropped ?? null;
}

/** Tries again for a second: tables are mostly free between statements. */
async function patiently(act: () => Promise<boolean>): Promise<boolean> {
  for (let left = retries; left > 0; left--) {
    if (await act()) return true;
    await sleep(pauseMs);
  }
  return false;
}

/** All tables of the queue with their indexes, in bytes. */
async function sizeOf({ sql, target }: Db): Promise<number> {
  const [row] = await sql<{ bytes: number }[]>`
    select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint as bytes from pg_class
    where relnamespace = to_regnamespace(quote_ident(${target.schema})) and relkind = 'r'`;
  return row?.bytes ?? 0;
}
