import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { close, type Posting, postWork } from "../../../src/index.ts";
import { nextPageSize } from "../../../src/db/read/pages.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { drivenPool, only } from "../hand-driven.ts";
import { anything } from "../jobs.ts";
import { until } from "../stub.ts";

describe("results", () => {
  test("come in the order of posting, regardless of status and priority", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 5, [1, 2, 1, 2, 0]);
    const pool = await drivenPool(database.db);
    await pool.end(only(await pool.claim(2)), ["done", "failed"]);
    await pool.end(only(await pool.claim(1)), ["retried"], { delayMs: 60_000 });
    await pool.claim(1);
    const found = await Array.fromAsync(posting.results());
    const error = { name: "Error", message: "no" };
    const nothing = { result: undefined, error: null };
    expect(found).toEqual([
      { index: 0, status: "retrying", result: undefined, error },
      { index: 1, status: "done", result: "done 0", error: null },
      { index: 2, ...nothing, status: "running" },
      { index: 3, status: "failed", result: undefined, error },
      { index: 4, ...nothing, status: "waiting" },
    ]);
  });

  test("are the values that the function returned", async () => {
    await using database = await freshDatabase();
    const posting = await post(database, 1);
    const pool = await drivenPool(database.db);
    await pool.endAll({ result: '{"at":{"$date":"2026-01-01T00:00:00.000Z"}}' });
    const found = await Array.fromAsync(posting.results());
    expect(found.map(({ result }) => result)).toEqual([{ at: new Date("2026-01-01") }]);
  });

  test.each([[undefined], [[1, 0]]])("come page by page (priorities %p)", async (some) => {
    await using database = await freshDatabase();
    const priorities = some && Array.from({ length: 6_001 }, (_, n) => some[n % 2] ?? 0);
    const posting = await post(database, 6_001, priorities);
    const indices = await Array.fromAsync(posting.results(), ({ index }) => index);
    expect(indices).toEqual(Array.from({ length: 6_001 }, (_, n) => n));
  });

  test.each([
    ["of small results get large", 10, 120, 2_000],
    ["of large results get small", 2_000, 200e6, 11],
    ["of huge results have one", 1, 50e6, 1],
  ])("pages %s", (_sentence, rows, chars, expected) => {
    expect(nextPageSize(rows, chars)).toBe(expected);
  });
});

test("a program opens a connection when it needs one, which ends half a second later, or by close", async () => {
  await using database = await freshDatabase();
  const others = async () => {
    const [row] = await database.db.sql<{ count: number }[]>`
      select count(*)::integer as count from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and query <> ''
        and application_name = 'pdoflow'`;
    return row?.count ?? -1;
  };
  const idle = await others();
  const posting = await post(database, 1);
  expect(await others()).toBe(idle + 1);
  await until(async () => (await others()) === idle);
  await posting.status();
  expect(await others()).toBe(idle + 1);
  await post(database, 1);
  expect(await others()).toBe(idle + 2);
  await close();
  await until(async () => (await others()) === idle);
  expect(await posting.status()).toMatchObject({ waiting: 1 });
});

async function post({ url }: TestDatabase, count: number, priority?: number[]): Promise<Posting> {
  const lists = Array.from({ length: count }, (_, n) => [n]);
  return await postWork(anything, lists, [], {
    root: join(import.meta.dir, ".."),
    db: url,
    priority,
  });
}
