// Limited and unlimited postings, retries, people and rescues at the same time: no two of them may
// wait for each other. The order of locks is in sql/README.md.
import { expect, test } from "bun:test";

import { connect, type Db, errorCode } from "../../../src/db/connection/connect.ts";
import { setLimits, setPriority } from "../../../src/db/engine/control.ts";
import { finishPostings, foldProgress } from "../../../src/db/engine/outcomes.ts";
import {
  cancel,
  hold,
  jobsOf,
  newPool,
  nth,
  postJobs,
  putBack,
  queueOfFile,
  recordPart,
  rescue,
  resume,
  silence,
  take,
} from "../engine.ts";
import { findDeadlocksSoon, until } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

interface Storm {
  db: Db;
  ids: readonly number[];
  /** Deadlocks that the server reported to a caller. */
  deadlocks: string[];
  isOver: boolean;
}

/** Numbers in [0, 1), the same in each run; the result depends on timing. */
function dice(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

/** Repeats `act` on a connection of its own until the storm is over, and notes deadlocks. */
async function repeat(storm: Storm, act: (db: Db) => Promise<unknown>): Promise<void> {
  await using alone = connect(storm.db.target, { connections: 1 });
  while (!storm.isOver) {
    await act(alone).catch((error: unknown) => {
      if (errorCode(error) !== "40P01") throw error;
      storm.deadlocks.push(String((error as { detail?: unknown }).detail));
    });
  }
}

/** Claims with few idle workers; most attempts fail and are retried at once. */
function poolLife(storm: Storm, seed: number): Promise<void> {
  const chance = dice(seed);
  let pool: number | null = null;
  return repeat(storm, async (db) => {
    pool ??= await newPool(db);
    const want = { cap: 1 + Math.floor(chance() * 3), oldest: chance() < 0.2, share: 0.5 };
    const jobs = jobsOf(await take(db, pool, want));
    if (chance() < 0.05) {
      await silence(db, pool);
      await rescue(db);
      pool = null;
      return;
    }
    const state = chance() < 0.8 ? "retried" : "done";
    await recordPart(db, pool, jobs, { state });
    await putBack(db, pool, jobs); // lets go of the lease
    await finishPostings(db, [...new Set(jobs.map(({ postingId }) => postingId))]);
  });
}

/** Pauses, resumes, limits and moves postings, many of them in one statement too. */
function peopleLife(storm: Storm, seed: number): Promise<void> {
  const chance = dice(seed);
  return repeat(storm, async (db) => {
    const id = nth(storm.ids, Math.floor(chance() * storm.ids.length));
    const ids = storm.ids.filter(() => chance() < 0.5).toReversed();
    await hold(db, id);
    await setPriority(db, ids, Math.floor(chance() * 3));
    await setLimits(db, ids, { maxRunning: chance() < 0.7 ? 1 + Math.floor(chance() * 3) : null });
    await resume(db, id);
    await foldProgress(db);
    await rescue(db);
  });
}

test("claims of limited postings never deadlock with anybody", async () => {
  await using db = await freshQueue();
  await findDeadlocksSoon(db);
  const ids: number[] = [];
  for (let n = 0; n < 8; n++) {
    const priorities = Array.from({ length: 400 }, (_, index) => index % 4);
    const limits = n % 2 === 0 ? { maxRunning: 2 } : {};
    ids.push(await postJobs(db, 400, { priorities, maxAttempts: 1000, ...limits }));
  }
  const storm: Storm = { db, ids, deadlocks: [], isOver: false };
  const lives = [1, 2, 3, 4, 5, 6].map((seed) => poolLife(storm, seed));
  lives.push(peopleLife(storm, 7), peopleLife(storm, 8));
  await until("200 claims were made, or a deadlock was found", async () => {
    const [row] = await db.sql<{ claims: number }[]>`
      select count(*)::integer as claims from pdoflow.lease`;
    return (row?.claims ?? 0) >= 200 || storm.deadlocks.length > 0;
  });
  for (const id of ids) await cancel(db, id);
  storm.isOver = true;
  await Promise.all(lives);
  expect(storm.deadlocks).toEqual([]);
  expect(await brokenInvariants(db)).toEqual([]);
  expect(await deadlocksOfServer(db)).toBe(0);
});

/** As the server counts them, including hidden retries. */
async function deadlocksOfServer({ sql }: Db): Promise<number> {
  const [row] = await sql<{ deadlocks: number }[]>`
    select deadlocks::integer from pg_stat_database where datname = current_database()`;
  return row?.deadlocks ?? -1;
}
