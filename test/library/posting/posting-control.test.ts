import { describe, expect, test } from "bun:test";

import { findPosting, type Posting, postWork } from "../../../src/index.ts";
import { openBouncer, pgbouncer } from "../../pgbouncer.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { drivenPool, only } from "../hand-driven.ts";
import { anything } from "../jobs.ts";

const post = (database: TestDatabase, count: number, priority: number[] | number = 0) =>
  postWork(
    anything,
    Array.from({ length: count }, (_, i) => [i]),
    [],
    { db: database.url, priority },
  );

const nameOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "none",
    (error: unknown) => (error instanceof Error ? error.name : "?"),
  );

const byText = (a: unknown[], b: unknown[]) => (a.join() < b.join() ? -1 : 1);

describe("progress", () => {
  test("reports each change, and ends with the final counts", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 2);
    const pool = await drivenPool(database.db);
    const told: number[] = [];
    for await (const { percent, state } of posting.progress()) {
      told.push(percent);
      expect(state).toBe(percent === 100 ? "finished" : "open");
      if (percent < 100) await pool.end(only(await pool.claim(1)), ["done"]);
    }
    expect(told).toEqual([0, 50, 100]);
  });

  test("of an ended posting is reported once, and an abandoned one is not waited for", async () => {
    await using database = await freshDatabase();
    const [ended, open] = [await post(database, 1), await post(database, 1)];
    const pool = await drivenPool(database.db);
    await pool.end(only(await pool.claim(1)), ["failed"]);
    const told = await Array.fromAsync(ended.progress());
    expect(told).toMatchObject([{ failed: 1, percent: 100 }]);
    for await (const { waiting } of open.progress()) {
      expect(waiting).toBe(1);
      break;
    }
    expect(await nameOf(open.wait({ timeoutMs: 10 }))).toBe("WaitTimedOut");
  });

  test("ends as wait does: late, aborted, stopped, gone", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 1);
    const all = (options = {}) => Array.fromAsync(posting.progress(options));
    expect(await nameOf(all({ timeoutMs: 20 }))).toBe("WaitTimedOut");
    expect(await nameOf(all({ signal: AbortSignal.abort(new RangeError("no")) }))).toBe(
      "RangeError",
    );
    expect(await nameOf(all({ timeoutMs: -1 }))).toBe("InvalidInput");
    await database.sql`select pdoflow.pause(array[${posting.id}]::bigint[], 'why', 'errored_out')`;
    expect(await nameOf(all())).toBe("PostingStopped");
    await database.sql`delete from pdoflow.posting`;
    expect(await nameOf(all())).toBe("PostingNotFound");
  });

  test("waits for a condition, and rejects if the posting ends without it", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 3);
    const pool = await drivenPool(database.db);
    const half = posting.waitUntil(({ done }) => done >= 2);
    const never = nameOf(posting.waitUntil(({ failed }) => failed > 1));
    await pool.end(only(await pool.claim(2)), ["done", "done"]);
    expect(await half).toMatchObject({ done: 2, waiting: 1 });
    await pool.endAll();
    expect(await never).toBe("ConditionMissed");
  });
});

describe("results as they end", () => {
  test("come while others run, each once, and the posting's end is the end of them", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 6);
    const pool = await drivenPool(database.db);
    const [first, second] = [only(await pool.claim(2)), only(await pool.claim(3))];
    await pool.end(second, ["done", "failed"]);
    const seen: [number, string][] = [];
    for await (const { index, status } of posting.results({ order: "ended" })) {
      seen.push([index, status]);
      if (seen.length === 2) await pool.end(first, ["retried", "done"]);
      if (seen.length === 3) {
        await pool.end({ ...second, firstSeq: 4 }, ["done"]);
        await pool.endAll();
      }
    }
    expect(seen.slice(0, 3)).toEqual([
      [2, "done"],
      [3, "failed"],
      [1, "done"],
    ]);
    expect(seen.map(([index]) => index).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("have the index of posting if priorities differ, and include cancelled jobs", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 3, [1, 2, 3]);
    const pool = await drivenPool(database.db);
    await pool.end(only(await pool.claim(1)), ["done"]);
    await posting.cancel();
    const seen = await Array.fromAsync(posting.results({ order: "ended" }));
    expect(seen.map(({ index, status }) => [index, status]).toSorted(byText)).toEqual([
      [0, "cancelled"],
      [1, "cancelled"],
      [2, "done"],
    ]);
  });

  test("of many jobs come in bounded looks", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 50_000);
    const pool = await drivenPool(database.db);
    const ranges = await pool.claim(50_000);
    for (const range of ranges) {
      const length = range.endSeq - range.firstSeq;
      await pool.end(
        range,
        Array.from({ length }, () => "done" as const),
      );
    }
    const seen = new Set<number>();
    for await (const { index } of posting.results({ order: "ended" })) seen.add(index);
    expect(seen.size).toBe(50_000);
  });

  test("refuse another order", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 1);
    // @ts-expect-error: as in a plain JavaScript program
    expect(await nameOf(Array.fromAsync(posting.results({ order: "random" })))).toBe(
      "InvalidInput",
    );
  });
});

test("failures are permanently failed jobs, and can be retried by hand", async () => {
  await using database = await freshDatabase();
  for (const priority of [0, [3, 2, 1]]) {
    const posting = await post(database, 3, priority);
    const pool = await drivenPool(database.db);
    for (const state of ["done", "failed", "retried"] as const) {
      await pool.end(
        only(await pool.claim(1)),
        [state],
        state === "failed" ? { stderr: "oh" } : {},
      );
    }
    expect(await Array.fromAsync(posting.failures())).toMatchObject([
      {
        index: 1,
        attempts: 1,
        host: "test",
        stderr: "oh",
        error: { name: "Error", message: "no" },
      },
    ]);
    await pool.endAll();
    expect((await posting.wait()).failed).toBe(1);
    expect(await posting.retryFailed()).toBe(1);
    expect(await posting.retryFailed()).toBe(0);
    expect(await posting.status()).toMatchObject({ state: "open", done: 2, failed: 0 });
    await pool.endAll();
    expect(await posting.wait()).toMatchObject({ state: "finished", done: 3, failed: 0 });
    expect(await Array.fromAsync(posting.failures())).toEqual([]);
  }
});

test("a posting is paused, resumed and cancelled, and says whether that changed anything", async () => {
  await using database = await freshDatabase();
  const posting = await post(database, 2);
  expect([await posting.pause("lunch"), await posting.pause()]).toEqual([true, false]);
  expect((await posting.status()).state).toBe("paused");
  expect([await posting.resume(), await posting.resume()]).toEqual([true, false]);
  expect([await posting.cancel(), await posting.cancel()]).toEqual([true, false]);
  expect(await posting.wait()).toMatchObject({ state: "cancelled", cancelled: 2 });
  expect(await nameOf(posting.retryFailed())).toBe("NotRetriable");
  await database.sql`delete from pdoflow.posting`;
  for (const act of ["pause", "resume", "cancel", "retryFailed"] as const) {
    expect(await nameOf(posting[act]())).toBe("PostingNotFound");
  }
});

test("P20: a handle changes nothing of another posting that has its number now", async () => {
  await using database = await freshDatabase();
  const posting = await post(database, 2);
  await database.sql`update pdoflow.posting set token = token + 1`;
  const states = () => database.sql`select state, waits, ended_at from pdoflow.posting`;
  const before = [...(await states())];
  for (const act of ["pause", "resume", "unblock", "cancel", "retryFailed"] as const) {
    expect(await nameOf(posting[act]())).toBe("PostingLost");
  }
  expect([...(await states())]).toEqual(before);
  await database.sql`update pdoflow.posting set state = 'paused', token = token - 1`;
  expect(await posting.resume()).toBe(true);
});

test("a handle is found by the number of a posting", async () => {
  await using database = await freshDatabase();
  const posting = await post(database, 2);
  const options = { db: database.url };
  const found: Posting<number> = await findPosting(posting.id, anything, options);
  expect([found.id, found.jobCount, found.isNew]).toEqual([posting.id, 2, false]);
  expect(await found.status()).toMatchObject({ waiting: 2 });
  expect(await nameOf(findPosting(posting.id + 1, null, options))).toBe("PostingNotFound");
  expect(await nameOf(findPosting(1.5, null, options))).toBe("InvalidInput");
});

test.skipIf(pgbouncer === null)("all of it works through PgBouncer, by polling alone", async () => {
  await using database = await freshDatabase();
  await using bouncer = await openBouncer(database, 2);
  const jobs = [[1], [2], [3]];
  const posting = await postWork(anything, jobs, [], { db: bouncer.url, key: "once" });
  const pool = await drivenPool(database.db);
  const waits = [posting.wait(), posting.waitUntil(({ done }) => done > 1)];
  const results = Array.fromAsync(posting.results({ order: "ended" }));
  await pool.end(only(await pool.claim(3)), ["done", "failed", "done"]);
  expect(await Promise.all(waits)).toMatchObject([{ done: 2 }, { done: 2 }]);
  expect(await results).toHaveLength(3);
  expect(await Array.fromAsync(posting.failures())).toHaveLength(1);
  expect(await posting.retryFailed()).toBe(1);
});
