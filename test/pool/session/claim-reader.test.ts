import { expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { claim } from "../../../src/db/engine/leases.ts";
import { ClaimReader } from "../../../src/pool/session/claim-reader.ts";
import { allRoutes, freshQueue, newPool, postJobs } from "../../db/engine.ts";
import { lines, shown } from "../run/leased-runs.ts";

/** Claims up to `cap` jobs, and reads them. */
async function claimAndRead(db: Db, cap: number, bytesMax = 1_000_000) {
  const want = { oldest: false, sizes: [], cap, share: 1, routes: await allRoutes(db) };
  const { ranges } = await claim(db, { poolId: await newPool(db), ...want });
  const reader = new ClaimReader({ ask: async (work) => await work(db) });
  return await reader.read(ranges, { startBy: 0, bytesMax });
}

test("a claim of many jobs is one run for each block, with the text as it is stored", async () => {
  await using db = await freshQueue();
  await postJobs(db, 2_500);
  const { runs, unread } = await claimAndRead(db, 2_200);
  expect(shown(runs)).toEqual([
    [0, 1_000, lines(0, 1_000)],
    [1_000, 1_000, lines(1_000, 1_000)],
    [2_000, 200, lines(2_000, 200)],
  ]);
  expect(unread).toEqual([]);
});

test("a small claim is one run, though it touches two blocks", async () => {
  await using db = await freshQueue();
  await postJobs(db, 30, { perBlock: 20 });
  expect(shown((await claimAndRead(db, 25)).runs)).toEqual([[0, 25, lines(0, 25)]]);
});

test("postings of one job are a run each, under one lease", async () => {
  await using db = await freshQueue();
  for (let i = 0; i < 3; i++) await postJobs(db, 1);
  const { runs } = await claimAndRead(db, 10);
  expect(runs.map(({ posting, count, args }) => [posting.id, count, args])).toEqual(
    [1, 2, 3].map((id) => [id, 1, "[0]"]),
  );
  expect(new Set(runs.map(({ leaseId }) => leaseId)).size).toBe(1);
});

test("jobs for which there is no room are unread, as a run", async () => {
  await using db = await freshQueue();
  await postJobs(db, 2_000);
  const { runs, unread } = await claimAndRead(db, 2_000, 1_000);
  const count = runs.reduce((sum, run) => sum + run.count, 0);
  expect(count).toBeGreaterThan(0);
  expect(unread.map((run) => [run.firstSeq, run.count])).toEqual([[count, 2_000 - count]]);
});

test("jobs of several priorities have the index of each", async () => {
  await using db = await freshQueue();
  await postJobs(db, 5, { priorities: [1, 5, 1, 5, 0] });
  const { runs } = await claimAndRead(db, 2);
  expect(runs.map(({ indexes, args }) => [indexes, args])).toEqual([[[1, 3], "[1]\n[3]"]]);
});
