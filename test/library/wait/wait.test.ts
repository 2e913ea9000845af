import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import type { Db } from "../../../src/db/connection/connect.ts";
import { close, type Posting, postWork } from "../../../src/index.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { drivenPool, only } from "../hand-driven.ts";
import { anything } from "../jobs.ts";
import { proxyTo } from "../connection/proxy.ts";
import { until } from "../stub.ts";

describe("status", () => {
  test("has the state of the posting and the number of jobs in each status", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 5);
    const pool = await drivenPool(database.db);
    await pool.end(only(await pool.claim(3)), ["done", "failed"]);
    expect(await posting.status()).toEqual({
      state: "open",
      waiting: 2,
      running: 1,
      retrying: 0,
      done: 1,
      failed: 1,
      cancelled: 0,
      percent: 40,
    });
  });

  test("says that the posting is gone", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 1);
    await database.db.sql`delete from pdoflow.posting`;
    expect(await nameOf(posting.status())).toBe("PostingNotFound");
    expect(await nameOf(posting.wait())).toBe("PostingNotFound");
  });
});

describe("wait", () => {
  test("resolves when the last job ends, without waiting for the next poll", async () => {
    await using database = await freshDatabase();
    const pool = await drivenPool(database.db);
    const waitedMs: number[] = [];
    for (let round = 0; round < 3; round++) {
      const posting = await post(database, 2);
      const ended = posting.wait();
      await someoneListens(database.db);
      const startedAt = performance.now();
      await pool.endAll();
      expect(await ended).toMatchObject({ state: "finished", done: 2, failed: 0 });
      waitedMs.push(performance.now() - startedAt);
    }
    expect(Math.min(...waitedMs)).toBeLessThan(600); // by polling alone each takes a second
  });

  test("resolves without a notification", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 1);
    const ended = posting.wait();
    await someoneListens(database.db);
    await database.db.sql`
      update pdoflow.posting set state = 'finished', ended_at = now(), done = job_count`;
    expect(await ended).toMatchObject({ state: "finished", done: 1 });
  });

  test("resolves for a posting that ended long ago", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 1);
    await (await drivenPool(database.db)).endAll();
    expect(await posting.wait()).toMatchObject({ done: 1 });
  });

  test("rejects for a posting that was stopped because its jobs failed", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 4);
    const pool = await drivenPool(database.db);
    await pool.end(only(await pool.claim(1)), ["failed"]);
    const error = posting.wait().catch(String);
    await someoneListens(database.db);
    await database.db
      .sql`select pdoflow.pause_postings(array[${posting.id}::bigint], 'errored_out', 'why')`;
    expect(await error).toMatch(/^PostingStopped: .* with 3 jobs left: why\. /);
  });

  test("waits for many postings at once, and twice for the same, with one LISTEN", async () => {
    await using database = await freshDatabase();
    const postings = await Promise.all(Array.from({ length: 40 }, () => post(database, 1)));
    const ends = [...postings, ...postings].map((posting) => posting.wait());
    await someoneListens(database.db);
    expect(await listeners(database.db)).toBe(1);
    await (await drivenPool(database.db)).endAll();
    expect((await Promise.all(ends)).map(({ done }) => done)).toEqual(Array(80).fill(1));
  });

  test("goes on when the server was away for a while", async () => {
    await using database = await freshDatabase();
    await using proxy = await proxyTo(database);
    const posting = await post({ ...database, url: proxy.url }, 1);
    const ended = posting.wait();
    await someoneListens(database.db);
    proxy.isCut = true;
    await until(() => proxy.refused > 3);
    await (await drivenPool(database.db)).endAll();
    proxy.isCut = false;
    expect(await ended).toMatchObject({ done: 1 });
  });

  test("gives up after its time, and the posting goes on", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 1);
    expect(await nameOf(posting.wait({ timeoutMs: 30 }))).toBe("WaitTimedOut");
    expect(await posting.status()).toMatchObject({ state: "open", waiting: 1 });
    expect(await nameOf(posting.wait({ timeoutMs: -1 }))).toBe("InvalidInput");
    expect(await nameOf(posting.wait({ timeoutMs: Number.NaN }))).toBe("InvalidInput");
  });

  test("has no limit that a timer can't hold", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 1);
    const ended = posting.wait({ timeoutMs: 2 ** 40 });
    await someoneListens(database.db);
    await (await drivenPool(database.db)).endAll();
    expect(await ended).toMatchObject({ done: 1 });
  });

  test("ends with the reason of its signal", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 1);
    const reason = new Error("enough");
    const stop = new AbortController();
    const ended = posting.wait({ signal: stop.signal });
    await someoneListens(database.db);
    stop.abort(reason);
    expect(await ended.catch((error: unknown) => error)).toBe(reason);
    expect(await nameOf(posting.wait({ signal: AbortSignal.abort() }))).toBe("AbortError");
  });
});

test("close ends all waits, with an error that says so", async () => {
  await using database = await freshDatabase();
  const posting = await post(database, 1);
  const name = nameOf(posting.wait());
  await someoneListens(database.db);
  await close();
  expect(await name).toBe("ConnectionClosed");
});

async function post({ url }: TestDatabase, count: number): Promise<Posting> {
  const lists = Array.from({ length: count }, (_, n) => [n]);
  return await postWork(anything, lists, [], { root: join(import.meta.dir, ".."), db: url });
}

async function listeners({ sql }: Db): Promise<number> {
  const rows = await sql`
    select from pg_stat_activity
    where datname = current_database() and query like 'listen "pdoflow.ended"%' and state = 'idle'`;
  return rows.length;
}

const someoneListens = (db: Db) => until(async () => (await listeners(db)) > 0);

const nameOf = (failing: Promise<unknown>) => failing.then(String, (error: Error) => error.name);
