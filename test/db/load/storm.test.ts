// All operations of pools and people, at the same time and in any order: invariants of each
// operation (the other files) must hold for all of them together.
import { expect, test } from "bun:test";

import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { finishPostings, foldProgress, type Outcome } from "../../../src/db/engine/outcomes.ts";
import {
  cancel,
  queueOfFile,
  hold,
  jobsOf,
  newPool,
  postJobs,
  postManySingles,
  putBack,
  record,
  recordEach,
  rescue,
  resume,
  silence,
  take,
} from "../engine.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

/** Numbers in [0, 1), the same in each run; the result depends on timing. */
function dice(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

const hasOpen = async ({ sql }: Db) =>
  (await sql`select from pdoflow.posting where ended_at is null limit 1`).length > 0;

/** Claims, records, fails, releases and is lost, until nothing is left. */
async function poolLife(db: Db, seed: number): Promise<void> {
  await using alone = connect(db.target, { connections: 1 });
  const chance = dice(seed);
  let pool = await newPool(alone);
  while (await hasOpen(alone)) {
    const cap = 1 + Math.floor(chance() * 20);
    const jobs = jobsOf(await take(alone, pool, { cap, oldest: chance() < 0.1, share: 0.5 }));
    if (jobs.length === 0) continue;
    const some = Math.floor(chance() * jobs.length);
    if (chance() < 0.1) {
      await silence(alone, pool);
      await rescue(alone);
      await record(alone, pool, jobs); // too late
      pool = await newPool(alone);
    } else if (chance() < 0.2) {
      await putBack(alone, pool, jobs, jobs.slice(0, some));
      await record(alone, pool, jobs.slice(0, some));
    } else {
      const ends = jobs.map(({ attempt }) => endOf(attempt, chance()));
      await recordEach(alone, pool, jobs.slice(0, some), ends.slice(0, some));
      await recordEach(alone, pool, jobs, ends); // some of it for the second time
      await putBack(alone, pool, jobs); // lets go of the lease: nothing is left to release
    }
    await finishPostings(alone, [...new Set(jobs.map(({ postingId }) => postingId))]);
  }
}

function endOf(attempt: number, luck: number): Partial<Outcome> {
  if (luck > 0.2) return { state: "done" };
  return { state: attempt < 3 ? "retried" : "failed" };
}

/** Pauses, resumes and cancels postings, folds and finishes, until nothing is left. */
async function peopleLife(db: Db, ids: readonly number[], seed: number): Promise<void> {
  await using alone = connect(db.target, { connections: 1 });
  const chance = dice(seed);
  for (let n = 0; await hasOpen(alone); n++) {
    const id = ids[Math.floor(chance() * ids.length)] ?? 0;
    await hold(alone, id);
    await foldProgress(alone);
    await finishPostings(alone, [id]);
    await resume(alone, id);
    await rescue(alone);
    if (n === 10) await cancel(alone, ids[0] ?? 0);
  }
}

test("each job ends once, and all totals are true", async () => {
  await using db = await freshQueue();
  const ids: number[] = [];
  for (const priority of [0, 0, 1, 2]) {
    const priorities = Array.from({ length: 150 }, (_, index) => (index % 3) + priority);
    ids.push(await postJobs(db, 150, { priorities }));
  }
  await Promise.all([...[1, 2, 3, 4, 5].map((seed) => poolLife(db, seed)), peopleLife(db, ids, 6)]);
  expect(await brokenInvariants(db)).toEqual([]);
  expect([...(await db.sql`select state from pdoflow.posting order by id`)]).toEqual([
    { state: "cancelled" },
    { state: "finished" },
    { state: "finished" },
    { state: "finished" },
  ]);
});

test("so it is for many small postings", async () => {
  await using db = await freshQueue();
  const first = await postManySingles(db, 100);
  const ids = Array.from({ length: 100 }, (_, place) => first + place);
  await Promise.all([...[7, 8, 9].map((seed) => poolLife(db, seed)), peopleLife(db, ids, 10)]);
  expect(await brokenInvariants(db)).toEqual([]);
});
