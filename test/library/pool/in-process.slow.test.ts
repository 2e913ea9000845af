import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { join } from "node:path";

import { ClusterPool, findPosting, postWork, type Posting } from "../../../src/index.ts";
import { openCommands } from "../../cli/in-process.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import {
  closeGate,
  crowd,
  fails,
  gate,
  listens,
  quick,
  seen,
  spawns,
  takes,
  waits,
} from "../in-process-jobs.ts";
import { until } from "../stub.ts";

const root = join(import.meta.dir, "..");
const given = (db: TestDatabase, concurrency = 3) => ({ concurrency, root, db: db.url });
const where = (db: TestDatabase) => ({ root, db: db.url });

beforeEach(() => {
  Object.assign(seen, { now: 0, most: 0, aborted: [], attempts: 0 });
  closeGate();
});
afterEach(() => gate.open());

const outcomes = async ({ sql }: TestDatabase) => [
  ...(await sql`
    select seq, attempt, state, error ->> 'name' as name, stderr
    from pdoflow.outcome order by seq, attempt`),
];

async function resultsOf<R>(posting: Posting<R>): Promise<(R | undefined)[]> {
  const results: (R | undefined)[] = [];
  for await (const { result } of posting.results()) results.push(result);
  return results;
}

test("jobs run in this process, as many at a time as asked for, and the pool ends with its block", async () => {
  await using db = await freshDatabase();
  const numbers = Array.from({ length: 30 }, (_, n) => n);
  const posting = await postWork(
    crowd,
    numbers.map((n) => [n] as const),
    [],
    where(db),
  );
  {
    await using pool = new ClusterPool(given(db));
    expect(pool.pid).toBe(process.pid);
    expect(await pool.awaitCompletion(posting)).toMatchObject({ done: 30, state: "finished" });
  }
  expect(seen.most).toBe(3);
  const results = await resultsOf(posting);
  expect(results).toEqual(numbers.map((n) => ({ n, pid: process.pid })));
  const rows = await db.sql`select state, slots, pid from pdoflow.pool`;
  expect([...rows]).toEqual([{ state: "stopped", slots: 3, pid: process.pid }]);
});

test("thousands of short jobs leave other things of the program their turns", async () => {
  await using db = await freshDatabase();
  function* numbers() {
    for (let n = 0; n < 20_000; n++) yield [n] as const;
  }
  const posting = await postWork(quick, numbers(), [], where(db));
  let turns = 0;
  const ticking = setInterval(() => turns++, 1);
  await using pool = new ClusterPool(given(db));
  const startedAt = performance.now();
  expect(await pool.awaitCompletion(posting)).toMatchObject({ done: 20_000 });
  clearInterval(ticking);
  expect(turns).toBeGreaterThan((performance.now() - startedAt) / 100);
});

describe("stop", () => {
  test("waits for running jobs, and releases waiting jobs with their attempt unused", async () => {
    await using db = await freshDatabase();
    const posting = await postWork(waits, [[1], [2], [3], [4], [5]], [], where(db));
    const pool = new ClusterPool(given(db, 2));
    await until(() => seen.now === 2);
    const stopped = pool.stop();
    expect(await Promise.race([stopped, Bun.sleep(300).then(() => "waits")])).toBe("waits");
    gate.open();
    await stopped;
    expect(await posting.status()).toMatchObject({ done: 2, waiting: 3, running: 0 });
    expect(await pool.upkeep()).toEqual({ restarted: false });
  });

  test("aborts the signal of jobs that exceed the grace, and releases them too", async () => {
    await using db = await freshDatabase();
    const posting = await postWork(listens, [["deaf"]], [], where(db));
    const pool = new ClusterPool({ ...given(db), graceMs: 100 });
    await until(() => seen.now === 1);
    await pool.stop();
    expect(seen.aborted).toEqual(["PoolEnded"]);
    expect(await posting.status()).toMatchObject({ waiting: 1, retrying: 0 });
    expect(await outcomes(db)).toEqual([]);
  });
});

describe("ending jobs", () => {
  test("has its signal; after its grace its attempt is over, and others have their turn", async () => {
    await using db = await freshDatabase();
    const options = { ...where(db), timeoutMs: 100, graceMs: 200, maxAttempts: 1 };
    const posting = await postWork(listens, [["deaf"], ["throws"]], [], options);
    await using pool = new ClusterPool(given(db, 1));
    expect(await pool.awaitCompletion(posting)).toMatchObject({ failed: 2 });
    expect(seen.aborted).toEqual(["Timeout", "Timeout"]);
    const failed = { attempt: 1, state: "failed", name: "Timeout" };
    expect(await outcomes(db)).toEqual([
      { seq: 0, ...failed, stderr: "listening deaf\n" },
      { seq: 1, ...failed, stderr: "listening throws\n" },
    ]);
  });

  test("is cancelled with its posting", async () => {
    await using db = await freshDatabase();
    const posting = await postWork(listens, [["throws"], ["throws"]], [], where(db));
    await using pool = new ClusterPool(given(db, 1));
    await until(() => seen.now === 1);
    await db.sql`select pdoflow.cancel(array[${posting.id}::bigint], true, 'enough')`;
    expect(await pool.awaitCompletion(posting)).toMatchObject({ cancelled: 2, failed: 0 });
    expect(seen.aborted).toEqual(["Cancelled"]);
  });
});

test("failures are retried, FatalError is not, and both keep their log", async () => {
  await using db = await freshDatabase();
  const options = { ...where(db), maxAttempts: 2, backoffMs: 0 };
  const posting = await postWork(fails, [["again"], ["fatal"]], [], options);
  await using pool = new ClusterPool(given(db, 1));
  expect(await pool.awaitCompletion(posting)).toMatchObject({ failed: 2 });
  expect(await outcomes(db)).toEqual([
    { seq: 0, attempt: 1, state: "retried", name: "Error", stderr: "attempt 1 of 1/0\n" },
    { seq: 0, attempt: 2, state: "failed", name: "Error", stderr: "attempt 2 of 1/0\n" },
    { seq: 1, attempt: 1, state: "failed", name: "FatalError", stderr: "attempt 1 of 1/1\n" },
  ]);
});

test("how far a job is comes with the heartbeat", async () => {
  await using db = await freshDatabase();
  await postWork(waits, [[7]], [], where(db));
  await using pool = new ClusterPool(given(db, 1));
  await until(async () => {
    const rows = await db.sql`select from pdoflow.pool where running -> 0 ? 'progress'`;
    return rows.length > 0;
  });
  const [row] = await db.sql`select running from pdoflow.pool`;
  expect(row?.["running"]).toEqual([
    { posting: 1, seq: 0, attempt: 1, ms: expect.any(Number), progress: 0.5, note: "job 7" },
  ]);
  expect(pool.pid).toBe(process.pid);
  gate.open();
});

test("C1: a job in this process posts others, which run once", async () => {
  await using db = await freshDatabase();
  const posting = await postWork(spawns, [[[1, 2, 3]]], [], { ...where(db), backoffMs: 1 });
  await using pool = new ClusterPool(given(db));
  expect(await pool.awaitCompletion(posting)).toMatchObject({ done: 1 });
  const [id] = await resultsOf(posting);
  const child = await findPosting(id ?? 0, null, { db: db.url });
  expect(await pool.awaitCompletion(child)).toMatchObject({ done: 3 });
  expect(await db.sql`select from pdoflow.posting where name = 'spawned'`).toHaveLength(1);
  expect(await db.sql`select from pdoflow.child where dropped_at is not null`).toHaveLength(1);
});

test("one that is stopped as soon as it is started says nothing of its connections", async () => {
  await using db = await freshDatabase();
  using written = spyOn(process.stderr, "write").mockReturnValue(true);
  for (let i = 0; i < 3; i++) await new ClusterPool(given(db)).stop();
  const said = written.mock.calls.map(([text]) => String(text));
  expect(new Set(said)).toEqual(
    new Set(["pool: it is stopped: releasing waiting jobs, finishing the running ones\n"]),
  );
});

test("one that can't run says why, once; options that contradict are refused", async () => {
  const pool = new ClusterPool({ concurrency: 1, db: "postgres://nobody@127.0.0.1:1/none" });
  await until(() => pool.pid === undefined);
  const failure = await pool.upkeep().catch((error: unknown) => error);
  expect(failure).toMatchObject({ name: "DatabaseUnavailable" });
  await pool.stop();
  for (const options of [{ concurrency: 2, maxWorkers: 2 }, { concurrency: 0 }]) {
    expect(() => new ClusterPool(options)).toThrow("options of ClusterPool: ");
  }
});

test("with resources, a pool in a program divides them among its jobs", async () => {
  await using db = await freshDatabase();
  const rows = Array.from({ length: 12 }, () => [] as const);
  const whole = { needs: [["gpu", "=", 1]], ...where(db) } as const;
  const half = { needs: [["gpu", "=", 0.5]], ...where(db) } as const;
  const posted = [await postWork(takes, rows, [], whole), await postWork(takes, rows, [], half)];
  await using pool = new ClusterPool({ ...given(db, 8), resources: ["gpu=3,7"] });
  const held: unknown[] = [];
  for (const posting of posted) {
    expect(await pool.awaitCompletion(posting)).toMatchObject({ done: 12 });
    held.push(...(await resultsOf(posting)));
  }
  expect(seen.most).toBe(4); // two halves of two gpus
  for (const amount of [1, 0.5]) {
    for (const device of ["3", "7"]) {
      expect(held).toContainEqual({ cpus: { amount: 1 }, gpu: { amount, devices: [device] } });
    }
  }
  await pool.awaitCompletion(await postWork(takes, [[]], [], where(db)));
  expect(() => new ClusterPool({ ...given(db), resources: ["gpus=1"] })).toThrow(
    'expected the name gpu, found "gpus"',
  );
});

test("without resources, it leaves jobs that count some to other pools, and explain says so", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const posting = await postWork(takes, [[]], [], { needs: [["cpus", "=", 1]], ...where(db) });
  await using pool = new ClusterPool(given(db));
  await pool.awaitCompletion(await postWork(quick, [[1]], [], where(db)));
  expect((await cli.run("explain", String(posting.id))).out).toContain(
    "waits because no pool provides cpus=1 (1 live pool); ask for less, or start one with: pdoflow " +
      "pool --resource cpus=1.",
  );
});
