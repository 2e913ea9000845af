import type {
  Action,
  JobsPage,
  JobsWish,
  Numbers,
  Snapshot,
  Source,
  TopFailure,
} from "../../tui/source.ts";
import { type Db, errorCode, explainDatabaseError } from "../db/connect.ts";
import { cancelPostings, holdPostings, resumePostings, retryFailed } from "../db/control.ts";
import { readFailures } from "../db/failures.ts";
import { readJobPage } from "../db/jobs.ts";
import { readDepth, readPriorities } from "../db/lists.ts";
import { answered, openDatabase } from "../db/open.ts";
import { drainPools } from "../db/pools.ts";
import { hasSortedJobs } from "../db/results.ts";
import { describeAddress, type Target } from "../db/settings.ts";
import { findPostings, readPools, readPostings } from "../db/snapshot.ts";
import { readCounts } from "../db/status.ts";
import { amount } from "./amount.ts";
import { noJobs } from "./status.ts";

const mostPostings = 500;
/** The postings whose failures are looked at: those with the most. */
const mostFailing = 10;
/** Jobs looked at for a page of those that are wished for. */
const mostLookedAt = 100_000;
/** A pool whose beat is older than that may be gone: it beats three times as often. */
const staleMs = 15_000;

/** The queue as the dashboard asks for it, over a connection that is replaced when it is lost. */
export class QueueSource implements Source, AsyncDisposable {
  readonly #target: Target;
  #db: Db | null = null;

  constructor(target: Target) {
    this.#target = target;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#db?.abort();
  }

  snapshot(): Promise<Snapshot> {
    return this.#ask(readSnapshot);
  }

  jobs(wish: JobsWish): Promise<JobsPage> {
    return this.#ask((db) => readJobs(db, wish));
  }

  job(postingId: number, index: number) {
    return this.#ask(async (db) => {
      const isSorted = await hasSortedJobs(db, postingId);
      const wish = { status: null, host: null, poolId: null, argument: null };
      const [row] = await readJobPage(db, { postingId, first: index, size: 1, isSorted, ...wish });
      return row ?? null;
    });
  }

  numbers(): Promise<Numbers> {
    return this.#ask(readNumbers);
  }

  act(action: Action): Promise<string> {
    return this.#ask((db) => carryOut(db, action));
  }

  async #ask<T>(work: (db: Db) => Promise<T>): Promise<T> {
    try {
      const db = (this.#db ??= await openDatabase(this.#target, { connections: 1 }));
      return await answered(db, work(db));
    } catch (error) {
      // A new connection the next time, to whichever server takes writes by then. But for what the
      // server has said no to: that it would say again.
      if (!/^(22|23|42)/.test(errorCode(error) ?? "")) {
        void this.#db?.abort();
        this.#db = null;
      }
      throw explainDatabaseError(error, this.#target);
    }
  }
}

async function readSnapshot(db: Db): Promise<Snapshot> {
  const postings = await readPostings(db, mostPostings);
  const counts = await readCounts(
    db,
    postings.map(({ id }) => id),
  );
  const pools = await readPools(db);
  const [clock] = await db.sql<{ at: Date; isReadOnly: boolean }[]>`
    select clock_timestamp() as at, pg_is_in_recovery()
      or current_setting('transaction_read_only')::boolean as is_read_only`;
  if (!clock) throw new Error("a select without from returned no row");
  const counted = postings.map((row) => ({
    ...{ ...row, priority: null, jobs: counts.get(row.id) ?? noJobs },
  }));
  const jobs = { ...noJobs };
  for (const row of counted.filter(({ endedAt }) => endedAt === null)) {
    for (const status of Object.keys(jobs) as (keyof typeof jobs)[])
      jobs[status] += row.jobs[status];
  }
  const waiting = counted.filter((row) => row.jobs.waiting > 0 && row.state === "open");
  const oldest = Math.min(...waiting.map(({ postedAt }) => postedAt.getTime()));
  return {
    at: clock.at,
    database: `${db.target.database} at ${describeAddress(db.address)}`,
    readOnly: clock.isReadOnly ? "the server takes no writes" : null,
    postings: counted,
    morePostings: 0,
    jobs,
    oldestWaitingMs: waiting.length === 0 ? null : Math.max(0, clock.at.getTime() - oldest),
    pools: pools.map((pool) => ({
      ...{ ...pool, busy: null, work: "" },
      isStale: pool.beatAgoMs > staleMs && (pool.state === "up" || pool.state === "draining"),
    })),
    failures: await readGroups(db, counted),
  };
}

async function readGroups(
  db: Db,
  postings: readonly { id: number; jobs: { failed: number } }[],
): Promise<TopFailure[]> {
  const failing = postings
    .filter(({ jobs }) => jobs.failed > 0)
    .toSorted((a, b) => b.jobs.failed - a.jobs.failed)
    .slice(0, mostFailing);
  const found: TopFailure[] = [];
  for (const { id } of failing) {
    for (const { fingerprint, count, firstAt, lastAt, index, error } of await readFailures(
      db,
      id,
    )) {
      const message = `${error.name}: ${error.message.split("\n")[0]}`;
      found.push({
        postingId: id,
        fingerprint,
        count,
        firstAt,
        lastAt,
        job: `${id}/${index}`,
        message,
      });
    }
  }
  return found.toSorted((a, b) => b.count - a.count);
}

async function readNumbers(db: Db): Promise<Numbers> {
  const [depth, priorities, pools] = [
    await readDepth(db),
    await readPriorities(db),
    await readPools(db),
  ];
  return {
    ...{ endedByMinute: [], failedByMinute: [], latency: [], duration: [], sampled: 0, tables: [] },
    depth,
    retrying: priorities.reduce((sum, { waiting }) => sum + waiting, 0),
    refused: pools.reduce((sum, { refused }) => sum + refused, 0),
  };
}

async function readJobs(db: Db, { postingId, from, size, status }: JobsWish): Promise<JobsPage> {
  const [posting] = await findPostings(db, [postingId]);
  const total = posting?.jobCount ?? 0;
  const isSorted = await hasSortedJobs(db, postingId);
  const wish = { status, host: null, poolId: null, argument: null };
  const step = status === "failed" && !isSorted ? mostLookedAt : status === null ? size : 2_000;
  const rows = [];
  let first = from;
  while (first < total && first - from < mostLookedAt && rows.length < size) {
    const part = Math.min(step, total - first);
    rows.push(...(await readJobPage(db, { postingId, first, size: part, isSorted, ...wish })));
    first += part;
  }
  const shown = rows.slice(0, size);
  const last = shown.at(-1);
  const next = rows.length > size && last ? last.index + 1 : first;
  return { rows: shown, next: next < total ? next : null };
}

async function carryOut(db: Db, action: Action): Promise<string> {
  const changed = (word: string, ids: readonly number[], of: readonly number[]) =>
    `${word} ${amount(ids.length, "posting")}` +
    (ids.length < of.length ? `; ${amount(of.length - ids.length, "other")} could not be` : "");
  switch (action.kind) {
    case "pause": {
      const ids = await holdPostings(db, action.ids, "paused", "paused by hand");
      return changed("paused", ids, action.ids);
    }
    case "resume":
      return changed("resumed", await resumePostings(db, action.ids), action.ids);
    case "cancel": {
      const how = { killsRunning: true, reason: "cancelled by hand" };
      return changed("cancelled", await cancelPostings(db, action.ids, how), action.ids);
    }
    case "retry":
      return await retry(
        db,
        action.ids.map((postingId) => ({ postingId, fingerprint: null })),
      );
    case "retryGroup":
      return await retry(db, action.groups);
    case "drain": {
      const told = await drainPools(db, { ids: action.ids, hosts: [] });
      return `${amount(told.length, "pool")} ${told.length === 1 ? "drains" : "drain"}`;
    }
  }
}

async function retry(
  db: Db,
  groups: readonly { postingId: number; fingerprint: string | null }[],
): Promise<string> {
  let jobs = 0;
  for (const { postingId, fingerprint } of groups) {
    jobs += (await retryFailed(db, postingId, { indices: null, fingerprint })) ?? 0;
  }
  return `${amount(jobs, "job")} will be tried once more`;
}
