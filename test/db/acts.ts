// The acts of the product that roles/matrix.test.ts has every role do.
import {
  cancelPostings,
  findStopped,
  pausePostings,
  postingsOverLimit,
  retryFailed,
  setLimits,
  setPriority,
  stopPosting,
} from "../../src/db/engine/control.ts";
import { type Db, type Sql } from "../../src/db/connection/connect.ts";
import { readDesired } from "../../src/db/dashboard/desired.ts";
import { readJobFacts } from "../../src/db/read/explain.ts";
import { readFailures } from "../../src/db/read/failures.ts";
import { readGathered } from "../../src/db/read/gathered.ts";
import { follow } from "../../src/db/engine/follow.ts";
import { readGrants } from "../../src/db/admin/grants.ts";
import { readJobPage } from "../../src/db/read/jobs.ts";
import { JobsGone } from "../../src/db/engine/job-arguments.ts";
import { readRunnable } from "../../src/db/engine/leases.ts";
import { listPools, listPostings, readPriorities } from "../../src/db/read/lists.ts";
import { requireUsableSchema } from "../../src/db/admin/schema-state.ts";
import { finishStragglers, foldProgress } from "../../src/db/engine/outcomes.ts";
import { sendHeartbeat, drainPools } from "../../src/db/engine/pools.ts";

import { rescuePools } from "../../src/db/engine/rescue.ts";
import { readResults } from "../../src/db/read/results.ts";
import { readSnapshot } from "../../src/db/dashboard/snapshot.ts";
import { readBlock } from "../../src/db/posting/signatures.ts";
import { readCounts } from "../../src/db/read/status.ts";
import { deleteVariable, readVariables, writeVariable } from "../../src/db/read/variables.ts";
import { jobsOf, newPool, postJobs, readLines, record, take } from "./engine.ts";

const page = { status: null, host: null, poolId: null, argument: null };
const anyPools = { provides: null, project: null, slots: 1 };
const range = { postingId: 0, firstSeq: 0, endSeq: 3, attempt: 1 };
export const some = async (rows: PromiseLike<{ length: number }>) => (await rows).length > 0;

export interface Act {
  /** Resolves to whether it had an effect, or something was seen. */
  act: (db: Db, id: number) => Promise<boolean>;
  by: string;
}

/** An act that begins a separate transaction does so in the open one. */
export const insideOf = (sql: Sql): Sql =>
  new Proxy(sql, {
    get: (target, name): unknown =>
      name === "begin"
        ? (...args: unknown[]) => {
            const work = args.at(-1);
            return typeof work === "function" ? work(target) : undefined;
          }
        : Reflect.get(target, name),
  });

/** The operations of the product on a posting of the poster, with the roles that may do them. */
export const acts: Record<string, Act> = {
  post: { act: async (db) => (await postJobs(db, 1)) > 0, by: "poster stranger owner" },
  "see the posting": {
    act: (db, id) =>
      some(listPostings(db, { isAll: true, state: null, before: 1e9, most: 9 })).then(
        async (isSeen) => isSeen && (await readCounts(db, [id])).size > 0,
      ),
    by: "poster viewer operator owner pool",
  },
  "read arguments": {
    act: (db, id) =>
      some(readJobPage(db, { ...page, postingId: id, first: 0, size: 9, isSorted: false })),
    by: "poster viewer operator owner",
  },
  "read results": {
    act: (db, id) => some(readResults(db, { postingId: id, first: 0, size: 9, isSorted: false })),
    by: "poster viewer operator owner",
  },
  "read results by page": {
    act: async (db, id) =>
      (await readGathered(db, { postingId: id, first: 0, end: 5 })).texts !== "",
    by: "poster viewer operator owner",
  },
  "gather results": {
    act: async (db, id) => (await postJobs(db, 1, { gather: id })) > 0,
    by: "poster owner",
  },
  "read failures": {
    act: (db, id) => some(readFailures(db, id)),
    by: "poster viewer operator owner",
  },
  "follow a job": { act: (db, id) => some(follow(db, id)), by: "poster viewer operator owner" },
  "explain a job": {
    act: async (db, id) => (await readJobFacts(db, id, 4)) !== null,
    by: "poster viewer operator owner",
  },
  "see priorities": { act: (db) => some(readPriorities(db)), by: "poster viewer operator owner" },
  "see it in top": {
    act: async (db, id) => {
      const { postings } = await readSnapshot({ ...db, sql: insideOf(db.sql) });
      return postings.some((posting) => posting.id === id);
    },
    by: "poster viewer operator owner",
  },
  "set a priority": {
    act: (db, id) => some(setPriority(db, [id], 7)),
    by: "poster operator owner",
  },
  pause: {
    act: (db, id) => some(pausePostings(db, [id], "paused", "why")),
    by: "poster operator owner",
  },
  "set a limit": {
    act: (db, id) => some(setLimits(db, [id], { maxRunning: 1 })),
    by: "poster operator owner",
  },
  retry: {
    act: async (db, id) =>
      ((await retryFailed(db, id, { indices: null, fingerprint: null })) ?? 0) > 0,
    by: "poster operator owner",
  },
  cancel: {
    act: (db, id) => some(cancelPostings(db, [id], { killsRunning: true, reason: "why" })),
    by: "poster operator owner",
  },
  "read everybody's variable": {
    act: (db) => some(readVariables(db, "shared")),
    by: "poster stranger viewer operator owner",
  },
  "read the poster's variable": { act: (db) => some(readVariables(db, "own")), by: "poster" },
  "set a variable": {
    act: async (db) => {
      await writeVariable(db, "new", "3");
      return await deleteVariable(db, "new");
    },
    by: "poster stranger operator owner",
  },
  "delete everybody's variable": {
    act: (db) => deleteVariable(db, "shared"),
    by: "operator owner",
  },
  "see pools": {
    act: (db) => some(listPools(db, true, 9)),
    by: "poster stranger viewer operator pool ownPool owner",
  },
  "drain pools": {
    act: (db) => some(drainPools(db, { ids: [1], hosts: [] })),
    by: "operator owner",
  },
  "run a pool": {
    act: async (db) => {
      const pool = await newPool(db);
      await rescuePools(db);
      await foldProgress(db);
      await finishStragglers(db);
      return (await sendHeartbeat(db, pool, [])).isUp;
    },
    by: "pool ownPool owner",
  },
  "claim its jobs": {
    act: async (db) => some(take(db, await newPool(db), { routes: [1] })),
    by: "pool owner",
  },
  "read its jobs as a pool": {
    act: (db, id) =>
      some(readLines(db, [{ ...range, postingId: id }]).then((texts) => texts.flat())).catch(
        (error: unknown) => {
          if (error instanceof JobsGone) return false; // as for roles that may not see them
          throw error;
        },
      ),
    by: "poster viewer operator pool owner",
  },
  "read its block as a pool": {
    act: (db, id) =>
      some(
        readBlock(db, { postingId: id, firstSeq: 0, endSeq: 3 }).then(
          (jobs) => jobs?.indexes ?? [],
        ),
      ),
    by: "pool owner",
  },
  "know its options as a pool": { act: (db, id) => some(readRunnable(db, [id])), by: "pool owner" },
  "record an outcome": {
    act: async (db, id) => {
      const pool = await newPool(db);
      return (
        (await record(db, pool, jobsOf(await take(db, pool, { routes: [1] })))) === 0 &&
        (await readRunnable(db, [id])).length > 0
      );
    },
    by: "pool owner",
  },
  "stop it for its failures": {
    act: (db, id) => some(stopPosting(db, id, "fails")),
    by: "pool owner",
  },
  "see what stops it": {
    act: async (db, id) => {
      await findStopped(db, [id]);
      await postingsOverLimit(db, [id]);
      return true;
    },
    by: "poster stranger viewer operator pool ownPool owner",
  },
  "see the schema's version": {
    act: async (db) => {
      await requireUsableSchema(db);
      return true;
    },
    by: "poster stranger viewer operator pool ownPool scaler owner",
  },
  "see how many slots its jobs need": {
    act: async (db) => (await readDesired(db, anyPools)).slots > 0,
    by: "poster viewer operator pool scaler owner",
  },
  "see what was granted": { act: (db) => some(readGrants(db)), by: "owner" },
};
