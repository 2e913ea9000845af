import { fireDue, nextTimes, startDue } from "../../src/db/engine/starts.ts";
import { pruneDue } from "../../src/db/admin/scheduled-prunes.ts";
import { migrate } from "../../src/db/admin/migrations.ts";
import { reportPool } from "../../src/db/dashboard/report.ts";
import { claim } from "../../src/db/engine/leases.ts";
import { findAtRest } from "../../src/db/engine/notifications.ts";
import { finishStragglers, foldProgress, recordRuns } from "../../src/db/engine/outcomes.ts";
import { registerPool, sendHeartbeat } from "../../src/db/engine/pools.ts";
import { rescuePools } from "../../src/db/engine/rescue.ts";
import { readRoutes } from "../../src/db/engine/routes.ts";
import { settleNext } from "../../src/db/engine/settle.ts";
import { insertPosting, keepRoom } from "../../src/db/posting/insert.ts";
import { durationLimits } from "../../src/db/dashboard/histogram.ts";

import { readFileSync } from "node:fs";

import { percentile } from "../measure.ts";
import type { BenchServer } from "../server.ts";
import type { Costs } from "./simulation.ts";

const repeats = 60;
const minute = 60;

/**
 * What the statements of pools take of a core, on a server with the rows of `pools` pools and 100
 * open postings: what the simulation counts with. It is the time that the process of the connection
 * ran, so it does not depend on what else the machine does.
 */
export async function measureCosts(server: BenchServer, pools: number): Promise<Costs> {
  const database = await server.database(`costs_${pools}`);
  const { db } = database;
  await migrate(db);
  await db.sql`
    insert into pdoflow.pool (host, pid, version, os_user, slots, heartbeat_timeout_ms, recent)
    select 'node-' || i, i, 'bench', 'bench', 16, 3600000, array_fill(0, array[60])
    from generate_series(2, ${pools}::integer) i`;
  const pool = await registerPool(db, {
    ...{ host: "bench", pid: process.pid, version: "bench", osUser: "bench", slots: 16 },
    ...{ heartbeatTimeoutMs: 3_600_000, provides: {}, posters: null },
  });
  const posting = { entryPoint: "jobs.ts#noop", priority: 0, osUser: "bench" };
  const args = Array.from({ length: 1_000 }, (_, i) => `[${i}]`);
  for (let i = 0; i < 100; i++) await insertPosting(db, posting, [{ args }], "the bench");
  await server.settle(database);
  const routes = (await readRoutes(db)).map(({ id }) => id);
  const report = {
    ...{ busy: 16, free: {}, done: 1, failed: 0, retried: 0, starts: [], firsts: 0 },
    recent: Array.from({ length: minute }, () => 1),
    durations: [0, ...durationLimits.map(() => 0)],
  };
  const want = { poolId: pool, routes, oldest: false, sizes: [], cap: 1, share: 1 };
  const beat = async () => void (await sendHeartbeat(db, pool, []));
  const house = async () => {
    await rescuePools(db);
    await foldProgress(db);
    await finishStragglers(db);
    await keepRoom(db);
    await startDue(db);
    await fireDue(db);
    await settleNext(db, null, 0);
    await findAtRest(db, 0);
    await pruneDue(db);
  };
  const idlePoll = async () => {
    await readRoutes(db);
    await claim(db, { ...want, routes: [] });
    await readRoutes(db);
    await nextTimes(db, routes, [], null);
  };
  const record = async () => {
    const { ranges } = await claim(db, want);
    const [range] = ranges;
    if (!range) throw new Error("expected a job to claim, found none");
    return async () =>
      void (await recordRuns(
        db,
        pool,
        [
          {
            ...{ leaseId: range.leaseId, postingId: range.postingId, firstSeq: range.firstSeq },
            ...{ attempt: 1, state: "done" as const, workerPid: 1, usage: null },
            endedAt: new Float64Array(1).fill(performance.now()),
            durationsMs: new Float64Array(1).fill(1),
            ...{ delaysMs: null, results: null, errors: null, stdouts: null, stderrs: null },
          },
        ],
        [range.leaseId],
      ));
  };
  const [backend] = await db.sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const ranMs = () =>
    Number(readFileSync(`/proc/${backend?.pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  const median = (work: Work) => medianOf(work, ranMs);
  const claimed = await median(async () => void (await claim(db, want)));
  const heartbeat = await median(beat);
  const commit = await medianOf(beat, () => performance.now());
  await db.sql`set synchronous_commit = off`;
  const noCommit = await medianOf(beat, () => performance.now());
  const costs: Costs = {
    heartbeat,
    report: await median(async () => void (await reportPool(db, pool, report))),
    house: await median(house),
    claim: claimed,
    // The lane is locked from its choice to the end of the transaction.
    claimLocked: claimed / 2,
    idlePoll: await median(idlePoll),
    record: await median(record),
    routes: await median(async () => void (await readRoutes(db))),
    flush: Math.max(commit - noCommit, 0),
  };
  await server.drop(database);
  return costs;
}

type Work = () => Promise<void | (() => Promise<void>)>;

/** The median of the times of some work; what it returns is timed instead of what led to it. */
async function medianOf(work: Work, clock: () => number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const beganAt = clock();
    const timed = await work();
    const timedAt = timed ? clock() : beganAt;
    await timed?.();
    times.push(clock() - timedAt);
  }
  return percentile(times.slice(repeats / 6), 0.5);
}
