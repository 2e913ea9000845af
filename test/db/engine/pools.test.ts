import { expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import {
  sendHeartbeat,
  isPoolGone,
  markDraining,
  registerPool,
  endPool,
} from "../../../src/db/engine/pools.ts";
import { follow } from "../../../src/db/engine/follow.ts";
import { releaseUnknown } from "../../../src/db/engine/release.ts";
import { readPools } from "../../../src/db/read/snapshot.ts";
import {
  jobsOf,
  newPool,
  numberOf,
  postJobs,
  postSingles,
  queueOfFile,
  record,
  recordPart,
  rescue,
  silence,
  take,
} from "../engine.ts";
import { commit, openTransaction, untilBlocked } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

const stateOf = async ({ sql }: Db, pool: number) =>
  (await sql`select state from pdoflow.pool where id = ${pool}`)[0]?.["state"] as unknown;

test("a pool that starts is up, has just beaten, and has the role it connects as", async () => {
  await using db = await freshQueue();
  const pool = await registerPool(db, {
    host: "h",
    pid: 7,
    version: "1.0",
    osUser: "ada",
    slots: 4,
    heartbeatTimeoutMs: 9_000,
    provides: {},
    posters: null,
  });
  const [row] = await db.sql`
    select host, pid, version, os_user, slots, heartbeat_timeout_ms, state, running, refused,
           role = session_user as is_me, clock_timestamp() - heartbeat_at < interval '9 s' as is_fresh
    from pdoflow.pool where id = ${pool}`;
  const given = {
    host: "h",
    pid: 7,
    version: "1.0",
    osUser: "ada",
    slots: 4,
    heartbeatTimeoutMs: 9_000,
  };
  const rest = { state: "up", running: [], refused: 0, isMe: true, isFresh: true };
  expect(row).toEqual({ ...given, ...rest });
});

test("O3: a beat keeps a pool from being lost", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  await silence(db, pool);
  expect(await sendHeartbeat(db, pool, [])).toMatchObject({ isUp: true });
  expect(await rescue(db)).toEqual([]);
});

test("O2: a heartbeat reports the running jobs, and the next one replaces that report", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const running = async () => (await db.sql`select running from pdoflow.pool`)[0]?.["running"];
  await sendHeartbeat(db, pool, [{ posting: 42, seq: 7, attempt: 1 }]);
  expect(await running()).toEqual([{ posting: 42, seq: 7, attempt: 1 }]);
  await sendHeartbeat(db, pool, []);
  expect(await running()).toEqual([]);
});

test("a heartbeat returns the followed postings of running jobs, and an empty list if none is", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const [id = 0] = await postSingles(db, 1);
  const job = { posting: id, seq: 0, attempt: 1 };
  expect(await sendHeartbeat(db, pool, [job])).toMatchObject({ followed: [] });
  await follow(db, id);
  expect(await sendHeartbeat(db, pool, [job])).toMatchObject({ followed: [id] });
  expect(await sendHeartbeat(db, pool, [])).toMatchObject({ followed: [] });
});

test("O1: a pool that was lost learns it from its next beat, and stays lost", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  await silence(db, pool);
  await rescue(db);
  expect(await sendHeartbeat(db, pool, [{ posting: 1, seq: 1, attempt: 1 }])).toMatchObject({
    isUp: false,
  });
  await markDraining(db, pool);
  await endPool(db, pool);
  expect(await stateOf(db, pool)).toBe("lost");
  expect([...(await db.sql`select running from pdoflow.pool`)]).toEqual([{ running: [] }]);
});

test("O1: a pool that has stopped does not come up again", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  await markDraining(db, pool);
  expect(await stateOf(db, pool)).toBe("draining");
  expect(await sendHeartbeat(db, pool, [])).toMatchObject({ isUp: true });
  await endPool(db, pool);
  expect(await sendHeartbeat(db, pool, [])).toMatchObject({ isUp: false });
  await markDraining(db, pool);
  expect(await stateOf(db, pool)).toBe("stopped");
});

test("L3: a pool that ends releases its jobs, and the jobs of a claim under way", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  await postJobs(db, 5);
  await take(db, pool, { cap: 3 });
  await using claiming = await openTransaction(db);
  await take(claiming, pool);
  const retiring = endPool(db, pool);
  await untilBlocked(db);
  await commit(claiming);
  expect(await retiring).toBe(5);
  expect(await endPool(db, pool)).toBe(0);
  expect(await take(db, pool)).toEqual([]);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("L2: outcomes recorded while a pool ends are kept, and later ones refused", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  await postJobs(db, 3);
  const jobs = jobsOf(await take(db, pool));
  await using recording = await openTransaction(db);
  await recordPart(recording, pool, jobs.slice(0, 2));
  const retiring = endPool(db, pool);
  await untilBlocked(db);
  await commit(recording);
  expect(await retiring).toBe(1);
  expect(await record(db, pool, jobs.slice(2))).toBe(1);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("a beat counts the slots of the pools that are alive", async () => {
  await using db = await freshQueue();
  const [mine, silent, stopped] = [await newPool(db), await newPool(db), await newPool(db)];
  await newPool(db);
  await silence(db, silent);
  await endPool(db, stopped);
  expect(await sendHeartbeat(db, mine, [])).toMatchObject({ isUp: true, slots: 2 });
});

test("many pools are counted once a second, and few in each heartbeat", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const addPools = (count: number) => db.sql`
    insert into pdoflow.pool (host, pid, version, os_user, slots, listens)
    select 'h', 1, '0', 'ada', 2, true from generate_series(1, ${count}::integer)`;
  await addPools(50);
  expect(await sendHeartbeat(db, pool, [])).toMatchObject({ pools: 51, slots: 101, waiting: 50 });
  await addPools(50);
  expect(await sendHeartbeat(db, pool, [])).toMatchObject({ pools: 101, slots: 201, waiting: 100 });
  await addPools(50);
  expect(await sendHeartbeat(db, pool, [])).toMatchObject({ pools: 101, slots: 201 });
  const age = (interval: string) => db.sql`
    update pdoflow.census set counted_at = now() - ${interval}::interval`;
  await age("2 s");
  expect(await sendHeartbeat(db, pool, [])).toMatchObject({ pools: 151, slots: 301 });
  await db.sql`update pdoflow.pool set state = 'stopped' where host = 'h'`;
  await age("2 s");
  expect(await sendHeartbeat(db, pool, [])).toMatchObject({ pools: 1, slots: 1, waiting: 0 });
  expect(await db.sql`select from pdoflow.census`).toHaveLength(0);
});

test("a pool counts itself, though its beat before was long ago", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  await silence(db, pool);
  expect(await sendHeartbeat(db, pool, [])).toMatchObject({ slots: 1 });
});

test("O10: a pool whose row was lost does not take a later pool with its number for itself", async () => {
  await using db = await freshQueue();
  const lost = await newPool(db);
  const number = await numberOf(db, lost);
  await db.sql`delete from pdoflow.pool`; // as a failover does that loses its row
  await db.sql.unsafe(`alter table pdoflow.pool alter column number restart with ${number}`);
  const pool = await newPool(db);
  expect(await numberOf(db, pool)).toBe(number);
  await postJobs(db, 3);
  await take(db, pool);
  const calls = [
    () => sendHeartbeat(db, lost, []),
    () => take(db, lost),
    () => releaseUnknown(db, lost, []),
    () => endPool(db, lost),
  ];
  for (const call of calls) {
    expect(isPoolGone(await call().catch((error: unknown) => error))).toBe(true);
  }
  expect([...(await db.sql`select active from pdoflow.lease`)]).toEqual([{ active: true }]);
});

test("O4: pools are shown that are alive, and those with outcomes refused lately", async () => {
  await using db = await freshQueue();
  const [alive, stopped, refusing, longAgo] = [
    await newPool(db),
    await newPool(db),
    await newPool(db),
    await newPool(db),
  ];
  for (const pool of [stopped, refusing, longAgo]) await endPool(db, pool);
  await db.sql`update pdoflow.pool set refused = 3 where id in (${refusing}, ${longAgo})`;
  await db.sql`update pdoflow.pool set heartbeat_at = now() - interval '2 days' where id = ${longAgo}`;
  expect((await readPools(db)).map(({ id, refused }) => [id, refused])).toEqual([
    [await numberOf(db, alive), 0],
    [await numberOf(db, refusing), 3],
  ]);
});
