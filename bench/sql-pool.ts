import { connect, type Db } from "../src/db/connection/connect.ts";
import { readArguments } from "../src/db/engine/job-arguments.ts";
import { claim } from "../src/db/engine/leases.ts";
import { readRoutes } from "../src/db/engine/routes.ts";
import {
  finishPostings,
  finishStragglers,
  foldProgress,
  recordRuns,
} from "../src/db/engine/outcomes.ts";
import { registerPool } from "../src/db/engine/pools.ts";
import { rescuePools } from "../src/db/engine/rescue.ts";

/** How often a pool folds totals and looks after others, in ms. */
const housekeepEveryMs = 5_000;

/** What one claim and its end took, in ms. */
export interface Turn {
  jobs: number;
  claimMs: number;
  finishMs: number;
}

/**
 * A pool without workers, on one connection: claims, reads the jobs, records an outcome for each,
 * lets go of the lease and asks whether the posting has ended. So it shows what the database costs.
 */
export class SqlPool {
  readonly #db: Db;
  readonly #poolId: number;
  readonly #routes: readonly number[];
  #housekeptAt = performance.now();

  private constructor(db: Db, poolId: number, routes: readonly number[]) {
    this.#db = db;
    this.#poolId = poolId;
    this.#routes = routes;
  }

  /** Its heartbeat would be late while statements are measured: its heartbeat timeout is an hour. */
  static async register(db: Db): Promise<SqlPool> {
    const poolId = await registerPool(db, {
      ...{ host: "bench", pid: process.pid, version: "bench", osUser: "bench", slots: 1 },
      ...{ heartbeatTimeoutMs: 3_600_000, provides: {}, posters: null },
    });
    const routes = await readRoutes(db);
    return new SqlPool(
      db,
      poolId,
      routes.map(({ id }) => id),
    );
  }

  /**
   * Claims up to `most` jobs and ends them; null if there are none. Their arguments are read, as
   * a pool does, but where `reads` is false: then it is the least that the database must do.
   */
  async turn(most: number, reads = true): Promise<Turn | null> {
    const startedAt = performance.now();
    const { ranges } = await claim(this.#db, {
      ...{ poolId: this.#poolId, routes: this.#routes, oldest: false },
      ...{ sizes: [], cap: most, share: 1 },
    });
    const [first] = ranges;
    if (!first) return null;
    if (reads) await readArguments(this.#db, ranges);
    const claimedAt = performance.now();
    const now = performance.now();
    const runs = ranges.map(({ leaseId, attempt, postingId, firstSeq, endSeq }) => {
      const count = endSeq - firstSeq;
      return {
        ...{ leaseId, postingId, firstSeq, attempt, state: "done" as const, workerPid: 1 },
        endedAt: new Float64Array(count).fill(now),
        durationsMs: new Float64Array(count).fill(1),
        ...{ delaysMs: null, results: null, errors: null, stdouts: null, stderrs: null },
        usage: null,
      };
    });
    await recordRuns(this.#db, this.#poolId, runs, [first.leaseId]);
    await finishPostings(this.#db, [...new Set(ranges.map(({ postingId }) => postingId))]);
    const finishedAt = performance.now();
    if (finishedAt - this.#housekeptAt >= housekeepEveryMs) await this.#housekeep();
    return {
      jobs: ranges.reduce((sum, { firstSeq, endSeq }) => sum + endSeq - firstSeq, 0),
      claimMs: claimedAt - startedAt,
      finishMs: finishedAt - claimedAt,
    };
  }

  async #housekeep(): Promise<void> {
    this.#housekeptAt = performance.now();
    await rescuePools(this.#db);
    await foldProgress(this.#db);
    await finishStragglers(this.#db);
  }
}

/** As many as a pool records at once. */
const jobsABatch = 2_000;
const connections = 2;

/** Drains by the statements alone, without workers, on two connections. */
export async function drainBySql(db: Db, { reads }: { reads: boolean }): Promise<void> {
  const all = Array.from({ length: connections }, async () => {
    await using own = connect(db.target, { connections: 1 });
    const pool = await SqlPool.register(own);
    while (await pool.turn(jobsABatch, reads));
  });
  await Promise.all(all);
}
