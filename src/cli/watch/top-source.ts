import { jobPasses, sortedJobs } from "../../../tui/state/job-columns.ts";
import type { Action, TopSource } from "../../../tui/state/source.ts";
import { type Db, errorCode, explainDatabaseError } from "../../db/connection/connect.ts";
import {
  cancelPostings,
  pausePostings,
  resumePostings,
  retryFailed,
  setPriority,
} from "../../db/engine/control.ts";
import { follow } from "../../db/engine/follow.ts";
import { anyJob, type JobRow, readJob, readJobPage } from "../../db/read/jobs.ts";
import { answered, openDatabase } from "../../db/connection/open.ts";
import { drainPools } from "../../db/engine/pools.ts";
import { readScheduleOverview, type ScheduleOverview } from "../../db/read/schedules.ts";
import { hasSortedJobs } from "../../db/read/results.ts";
import type { Target } from "../../db/settings/target.ts";
import { findPostings } from "../../db/read/snapshot.ts";
import { readJobResult, readRunningIndices } from "../../db/dashboard/jobs.ts";
import { type PoolDetails, readPoolDetails } from "../../db/dashboard/pool-details.ts";
import { readMetrics } from "../../db/dashboard/metrics.ts";
import { readSnapshot } from "../../db/dashboard/snapshot.ts";
import type { JobsPage, JobsFilter, Metrics, Snapshot } from "../../db/dashboard/top-snapshot.ts";
import { pluralize } from "../output/pluralize.ts";

/** Jobs read for one page of jobs that match a filter. */
const mostReadJobs = 100_000;
/** Jobs read for one page of jobs that are searched for words, or sorted. */
const mostSearchedJobs = 20_000;
/** Schedules shown at most, the next ones first. */
export const mostSchedules = 200;
const readOnlyServer = "25006";

/** The queue, read over one connection that is replaced when it is lost. */
export class QueueSource implements TopSource, AsyncDisposable {
  readonly #target: Target;
  #db: Db | null = null;

  constructor(target: Target) {
    this.#target = target;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#db?.abort();
  }

  snapshot(): Promise<Snapshot> {
    return this.#ask((db) => readSnapshot(db));
  }

  jobs(filter: JobsFilter): Promise<JobsPage> {
    return this.#ask((db) => readJobs(db, filter));
  }

  job(postingId: number, index: number) {
    return this.#ask(async (db) => {
      const row = await readJob(db, postingId, index);
      if (row?.status === "running") return await withLiveOutput(db, postingId, row);
      if (row?.status !== "done") return row ?? null;
      return { ...row, result: await readJobResult(db, { postingId, seq: row.seq }) };
    });
  }

  pool(poolId: number): Promise<PoolDetails | null> {
    return this.#ask((db) => readPoolDetails(db, poolId));
  }

  metrics(): Promise<Metrics> {
    return this.#ask(readMetrics);
  }

  schedules(): Promise<readonly ScheduleOverview[]> {
    return this.#ask((db) => readScheduleOverview(db, mostSchedules));
  }

  /** Uses its own connection: an action may take long, and refreshes go on meanwhile. */
  async act(action: Action): Promise<string> {
    try {
      await using db = await openDatabase(this.#target, { connections: 1 });
      return await carryOut(db, action);
    } catch (error) {
      throw explainDatabaseError(error, this.#target);
    }
  }

  async #ask<T>(work: (db: Db) => Promise<T>): Promise<T> {
    try {
      const db = (this.#db ??= await openDatabase(this.#target, { connections: 1 }));
      return await answered(db, work(db));
    } catch (error) {
      // Connect anew next time, perhaps to another server that takes writes by then. A statement
      // that the server refused would be refused again, so it keeps the connection.
      if (!/^(22|23|42)/.test(errorCode(error) ?? "")) {
        void this.#db?.abort();
        this.#db = null;
      }
      throw explainDatabaseError(error, this.#target);
    }
  }
}

/** Adds the output so far. This call asks the pool for it, so it is there from the next call on. */
async function withLiveOutput(db: Db, postingId: number, row: JobRow): Promise<JobRow> {
  const all = await follow(db, postingId).catch((error: unknown) => {
    if (errorCode(error) === readOnlyServer) return []; // a standby cannot ask the pool
    throw error;
  });
  const live = all.find(({ index, attempt }) => index === row.index && attempt > row.attempts);
  if (!live) return row;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { ...row, stdout: text(live.stdout), stderr: text(live.stderr) };
}

async function readJobs(db: Db, filter: JobsFilter): Promise<JobsPage> {
  const { postingId, from, size, status, fingerprint, words, sortedBy, isReversed } = filter;
  const [posting] = await findPostings(db, [postingId]);
  const total = posting?.jobCount ?? 0;
  const isSorted = await hasSortedJobs(db, postingId);
  const isOrdered = sortedBy > 0 || isReversed;
  const isSearch = words !== "" || isOrdered;
  const isAll = status === null && !isSearch;
  const limit = isSearch ? {} : { failureMax: size + 1 };
  const matching = { ...anyJob, status, fingerprint, ...limit };
  const step = status === "failed" && !isSorted ? 10_000 : isAll ? size : 2_000;
  const most = isSearch ? mostSearchedJobs : mostReadJobs;
  // A page of all jobs begins with running jobs, so that nobody has to search for them.
  const running = isAll && from === 0 ? await readRunning(db, postingId, isSorted) : [];
  const passes = jobPasses(filter);
  const rows: JobRow[] = [];
  const enough = isOrdered ? Infinity : size;
  let first = from;
  while (first < total && first - from < most && rows.length < enough) {
    const part = Math.min(step, total - first);
    const page = { postingId, first, size: part, isSorted, ...matching };
    rows.push(...(await readJobPage(db, page)).filter(passes).map(withoutOutput));
    // Of each part, only jobs that may be among the first of all are kept.
    if (isOrdered) rows.splice(0, rows.length, ...sortedJobs(rows, filter).slice(0, size));
    first += part;
  }
  const rest = first < total ? first : null;
  if (isOrdered) return { rows, next: rest, end: first };
  const shown = rows.slice(0, size);
  const last = shown.at(-1);
  const next = rows.length > size && last ? last.index + 1 : first;
  const isShown = new Set(running.map(({ index }) => index));
  const others = shown.filter(({ index }) => !isShown.has(index));
  return { rows: [...running, ...others], next: next < total ? next : null, end: next };
}

/** A list of jobs does not show what they printed. */
const withoutOutput = (row: JobRow): JobRow => ({ ...row, stdout: null, stderr: null });

/** The maximum number of running jobs at the beginning of a page. */
const runningLimit = 64;

/** Jobs of a posting that pools have reported as running for a while, by index. */
async function readRunning(db: Db, postingId: number, isSorted: boolean): Promise<JobRow[]> {
  const indices = await readRunningIndices(db, postingId, runningLimit);
  const rows = await Promise.all(
    indices.map((first) =>
      readJobPage(db, { ...anyJob, status: "running", postingId, first, size: 1, isSorted }),
    ),
  );
  return rows.flat();
}

async function carryOut(db: Db, action: Action): Promise<string> {
  const changed = (word: string, ids: readonly number[], of: readonly number[]) =>
    `${word} ${pluralize(ids.length, "posting")}` +
    (ids.length < of.length ? `; ${pluralize(of.length - ids.length, "other")} not changed` : "");
  switch (action.kind) {
    case "pause": {
      const ids = await pausePostings(db, action.ids, "paused", "paused by hand");
      return changed("paused", ids, action.ids);
    }
    case "resume":
      return changed("resumed", await resumePostings(db, action.ids), action.ids);
    case "cancel": {
      const how = { killsRunning: true, reason: "cancelled by hand" };
      return changed("cancelled", await cancelPostings(db, action.ids, how), action.ids);
    }
    case "priority":
      return await changePriorities(db, action.changes);
    case "retry":
      return await retry(
        db,
        action.ids.map((postingId) => ({ postingId, fingerprint: null })),
      );
    case "retryGroup":
      return await retry(db, action.groups);
    case "drain": {
      const drained = await drainPools(db, { ids: action.ids, hosts: [] });
      return `${pluralize(drained.length, "pool")} ${drained.length === 1 ? "drains" : "drain"}`;
    }
  }
}

async function changePriorities(
  db: Db,
  changes: readonly { id: number; priority: number }[],
): Promise<string> {
  const changed: number[] = [];
  for (const priority of new Set(changes.map((each) => each.priority))) {
    const ids = changes.filter((each) => each.priority === priority).map(({ id }) => id);
    changed.push(...(await setPriority(db, ids, priority)));
  }
  const others = changes.length - changed.length;
  const left = others === 0 ? "" : `; ${pluralize(others, "other")} not changed`;
  return `changed the priority of ${pluralize(changed.length, "posting")}${left}`;
}

async function retry(
  db: Db,
  groups: readonly { postingId: number; fingerprint: string | null }[],
): Promise<string> {
  let jobs = 0;
  for (const { postingId, fingerprint } of groups) {
    jobs += (await retryFailed(db, postingId, { indices: null, fingerprint })) ?? 0;
  }
  return `${pluralize(jobs, "job")} will be retried`;
}
