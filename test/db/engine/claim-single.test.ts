// A pool that was notified of a posting of one job claims it without comparing it with others.
import { expect, test } from "bun:test";

import { claimSingle, type Claimed } from "../../../src/db/engine/leases.ts";
import type { Db } from "../../../src/db/connection/connect.ts";
import {
  allRoutes,
  cancel,
  hold,
  jobsOf,
  names,
  newPool,
  postJobs,
  queueOfFile,
  record,
  resume,
  silence,
  rescue,
  take,
} from "../engine.ts";
import { brokenInvariants } from "../invariants.ts";

const queue = queueOfFile();

const takeSingle = async (db: Db, poolId: number, postingId: number): Promise<Claimed> =>
  await claimSingle(db, { poolId, postingId, routes: await allRoutes(db) });

test("the job of a posting is claimed once, with its arguments, and recorded as usual", async () => {
  await using db = await queue();
  const [pool, other] = [await newPool(db), await newPool(db)];
  const id = await postJobs(db, 1);
  const { ranges } = await takeSingle(db, pool, id);
  expect(ranges).toMatchObject([
    { postingId: id, firstSeq: 0, endSeq: 1, attempt: 1, args: "[0]", runningLimit: null },
  ]);
  expect(ranges[0]?.posting).toMatchObject({ id, entryPoint: "work.ts#main", jobCount: 1 });
  expect(await takeSingle(db, other, id)).toEqual({ ranges: [], limited: [] });
  expect(await take(db, other)).toEqual([]);
  expect(await record(db, pool, jobsOf(ranges))).toBe(0);
  const [posting] = await db.sql`select state, done from pdoflow.posting where id = ${id}`;
  expect(posting).toEqual({ state: "finished", done: 1 });
  expect(await brokenInvariants(db)).toEqual([]);
});

test("a posting with more jobs, a limit, a pause or another route is left to the usual claim", async () => {
  await using db = await queue();
  const pool = await newPool(db);
  const held = await postJobs(db, 1);
  await hold(db, held);
  const cancelled = await postJobs(db, 1);
  await cancel(db, cancelled);
  const refused = [
    ...[await postJobs(db, 2), await postJobs(db, 1, { maxRunning: 1 }), held, cancelled],
    ...[await postJobs(db, 1, { maxRate: "9/s" }), 999],
    await postJobs(db, 1, { runAt: new Date(Date.now() + 60_000).toISOString() }),
  ];
  for (const id of refused) expect((await takeSingle(db, pool, id)).ranges).toEqual([]);
  const elsewhere = await postJobs(db, 1);
  expect(await claimSingle(db, { poolId: pool, postingId: elsewhere, routes: [] })).toEqual({
    ranges: [],
    limited: [],
  });
  await resume(db, held);
  expect(names((await takeSingle(db, pool, held)).ranges)).toEqual([`${held}/0`]);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("two pools that are notified of the same posting do not both get its job", async () => {
  await using db = await queue();
  const pools = [await newPool(db), await newPool(db)];
  for (let round = 0; round < 20; round++) {
    const id = await postJobs(db, 1);
    const taken = await Promise.all(pools.map((pool) => takeSingle(db, pool, id)));
    expect(taken.flatMap(({ ranges }) => names(ranges))).toEqual([`${id}/0`]);
  }
});

test("O1: a lost pool gets nothing, and the job of its lease waits again", async () => {
  await using db = await queue();
  const [lost, other] = [await newPool(db), await newPool(db)];
  const [first, second] = [await postJobs(db, 1), await postJobs(db, 1)];
  await takeSingle(db, lost, first);
  await silence(db, lost);
  await rescue(db);
  expect((await takeSingle(db, lost, second)).ranges).toEqual([]);
  expect(names(await take(db, other))).toEqual([`${first}/0`]);
  expect(await brokenInvariants(db)).toEqual([]);
});
