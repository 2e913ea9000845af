// Rule 8: NOTIFY is sent only if a pool waits for it.
import { expect, test } from "bun:test";

import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { sendHeartbeat, markListening } from "../../../src/db/engine/pools.ts";
import {
  hold,
  leased,
  newPool,
  nth,
  postJobs,
  putBack,
  queueOfFile,
  rescue,
  silence,
  silentPool,
} from "../engine.ts";

const freshQueue = queueOfFile();

/** The notifications on the channel of pools up to a mark that is sent at the end. */
async function heard(db: Db, work: () => Promise<unknown>): Promise<string[]> {
  const all: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  await using ear = connect(db.target, {
    connections: 1,
    onNotify: (_channel, payload) => (payload === "end" ? resolve() : all.push(payload)),
  });
  await ear.sql`select pdoflow.listen()`;
  await work();
  await db.sql`select pg_notify('pdoflow.posted', 'end')`;
  await promise;
  return all;
}

test("O5: no notification is sent while no pool waits", async () => {
  await using db = await freshQueue();
  const busy = await newPool(db);
  await sendHeartbeat(db, busy, [], false);
  expect(await heard(db, () => postJobs(db, 1))).toEqual([]);
});

test("O5: a waiting pool is notified once for each posting", async () => {
  await using db = await freshQueue();
  await markListening(db, await newPool(db));
  await newPool(db);
  expect(await heard(db, () => postJobs(db, 3))).toEqual([expect.stringMatching(/^1 3 \d+$/)]);
});

test("O5: a beat says that it does not wait any more", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  await markListening(db, pool);
  await sendHeartbeat(db, pool, [], false);
  expect(await heard(db, () => postJobs(db, 1))).toEqual([]);
  await sendHeartbeat(db, pool, [], true);
  expect(await heard(db, () => postJobs(db, 1))).toEqual([expect.stringMatching(/^2 1 \d+$/)]);
});

test("O5: a pool that is lost does not count", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  await markListening(db, pool);
  await silence(db, pool);
  await rescue(db);
  expect(await heard(db, () => postJobs(db, 1))).toEqual([]);
});

test("O5: released jobs wake the other pools that wait, not the one that released them", async () => {
  await using db = await freshQueue();
  const { pool, jobs } = await leased(db, 3);
  await markListening(db, pool);
  expect(await heard(db, () => putBack(db, pool, jobs, [nth(jobs, 0), nth(jobs, 1)]))).toEqual([]);
  await markListening(db, await newPool(db));
  expect(await heard(db, () => putBack(db, pool, jobs))).toEqual([
    expect.stringMatching(/^1 2 \d+$/),
  ]);
});

test("O5: released jobs of a paused posting wake no pool", async () => {
  await using db = await freshQueue();
  const { pool, jobs } = await leased(db, 3);
  await markListening(db, await newPool(db));
  await hold(db, 1);
  expect(await heard(db, () => putBack(db, pool, jobs))).toEqual([]);
});

test("O5: the jobs of a lost pool wake the pools that wait", async () => {
  await using db = await freshQueue();
  await silentPool(db, 3);
  await markListening(db, await newPool(db));
  expect(await heard(db, () => rescue(db))).toEqual([expect.stringMatching(/^1 3 \d+$/)]);
});
