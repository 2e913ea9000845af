import type { Db } from "../../src/db/connection/connect.ts";
import { claim, type LeasedRange } from "../../src/db/engine/leases.ts";
import { readRoutes } from "../../src/db/engine/routes.ts";
import { finishPostings, type Outcome } from "../../src/db/engine/outcomes.ts";
import { registerPool } from "../../src/db/engine/pools.ts";
import { insertPosting } from "../../src/db/posting/insert.ts";
import { recordOutcomes } from "../db/engine.ts";

/** Posts `count` jobs, of the given priorities if there are any, and returns the posting's id. */
export async function postJobs(db: Db, count: number, priorities?: number[]): Promise<number> {
  const args = Array.from({ length: count }, (_, index) => `[${index}]`);
  const options = {
    entryPoint: "fit.ts#fit",
    priority: 0,
    osUser: "test",
    maxAttempts: 3,
    backoffMs: 0,
  };
  return (await insertPosting(db, options, [{ args, priorities }], "test")).id;
}

/** The ends of the jobs of a range, from its first on. */
const outcomesOf = (
  { leaseId, postingId, firstSeq, attempt }: LeasedRange,
  states: Outcome["state"][],
  texts: Partial<Outcome>,
) =>
  states.map((state, offset): Outcome => ({
    ...{ leaseId, postingId, seq: firstSeq + offset, attempt, state },
    ...{ ageMs: 0, durationMs: 1, workerPid: 1, stdout: null, stderr: null },
    result: state === "done" ? `"done ${firstSeq + offset}"` : null,
    error: state === "done" ? null : '{"name":"Error","message":"no"}',
    delayMs: state === "retried" ? 0 : null,
    ...texts,
  }));

/** A pool without workers: the test decides the results of its jobs. */
export async function drivenPool(db: Db) {
  const id = await registerPool(db, {
    host: "test",
    pid: 1,
    version: "0",
    osUser: "test",
    slots: 1,
    heartbeatTimeoutMs: 3_600_000,
    provides: {},
    posters: null,
  });
  /** How many jobs of each lease have not ended. */
  const left = new Map<number, number>();
  const count = (leaseId: number, jobs: number) => {
    left.set(leaseId, (left.get(leaseId) ?? 0) + jobs);
  };
  return {
    id,
    /** Claims up to `most` jobs and returns their ranges. */
    async claim(most: number): Promise<LeasedRange[]> {
      const routes = (await readRoutes(db)).map((route) => route.id);
      const size = { oldest: false, sizes: [], cap: most, share: 1 };
      const { ranges } = await claim(db, { poolId: id, routes, ...size });
      for (const { leaseId, firstSeq, endSeq } of ranges) count(leaseId, endSeq - firstSeq);
      return ranges;
    },
    /** Records the ends of the jobs of a range, from its first on: `["done", "retried"]`. */
    async end(range: LeasedRange, states: Outcome["state"][], texts: Partial<Outcome> = {}) {
      const { leaseId, postingId } = range;
      const outcomes = outcomesOf(range, states, texts);
      count(leaseId, -states.length);
      await recordOutcomes(db, id, outcomes, left.get(leaseId) === 0 ? [leaseId] : []);
      await finishPostings(db, [postingId]);
    },
    /** Claims all jobs, and records them as done. */
    async endAll(texts: Partial<Outcome> = {}) {
      for (let ranges = await this.claim(1e6); ranges.length > 0; ranges = await this.claim(1e6)) {
        for (const range of ranges) {
          const length = range.endSeq - range.firstSeq;
          await this.end(
            range,
            Array.from({ length }, () => "done" as const),
            texts,
          );
        }
      }
    },
  };
}

/** The one element of a list that must have one. */
export function only<T>(list: readonly T[]): T {
  const [first] = list;
  if (first === undefined || list.length !== 1) throw new Error(`${list.length} instead of one`);
  return first;
}
