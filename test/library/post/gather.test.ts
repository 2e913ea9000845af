import { expect, test } from "bun:test";
import { join } from "node:path";

import { ClusterPool, gather, type Posting, postWork, reduce } from "../../../src/index.ts";
import { freshDatabase } from "../../database.ts";
import { refusal } from "../../db/engine.ts";
import { count, fails, quick, total } from "../in-process-jobs.ts";
import { fromPostgres } from "../../../src/index.ts";

const root = join(import.meta.dir, "..");

async function resultsOf<R>(posting: Posting<R>): Promise<(R | undefined)[]> {
  const results: (R | undefined)[] = [];
  for await (const { result } of posting.results()) results.push(result);
  return results;
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => [n] as const);

test("a pool in this process gathers and reduces", async () => {
  await using db = await freshDatabase();
  const where = { root, db: db.url };
  const posting = await postWork(quick, numbers(5_000), [], where);
  const all = await gather(posting, total, { root, with: [10] });
  const tree = await reduce(posting, 50, total, { root, with: [1] });
  expect([all.jobCount, tree.jobCount, tree.id - all.id]).toEqual([1, 1, 3]);
  await using pool = new ClusterPool({ concurrency: 3, ...where });
  expect(await pool.awaitCompletion(tree)).toMatchObject({ done: 1, failed: 0 });
  expect(await pool.awaitCompletion(all)).toMatchObject({ done: 1, failed: 0 });
  expect(await resultsOf(all)).toEqual([{ count: 5_000, sum: 10 * 4_999 * 5_000 }]);
  expect(await resultsOf(tree)).toEqual([{ count: 2, sum: 4_999 * 5_000 }]);
});

test("tolerated failures are in the stream, with their errors", async () => {
  await using db = await freshDatabase();
  const where = { root, db: db.url };
  const posting = await postWork(fails, [["fatal"], ["fatal"]], [], where);
  const one = await gather(posting, count, { root, tolerate: 1 });
  const both = await gather(posting, count, { root, tolerate: "100%" });
  await using pool = new ClusterPool({ concurrency: 3, ...where });
  await pool.awaitCompletion(both);
  expect(await resultsOf(both)).toEqual([{ failed: 2, errors: ["FatalError", "FatalError"] }]);
  expect(await one.status()).toMatchObject({ state: "open", done: 0 });
});

test("all levels belong to a transaction of the caller, or none do", async () => {
  await using db = await freshDatabase();
  const posting = await postWork(quick, numbers(10), [], { root, db: db.url });
  const ids = async () => (await db.sql`select id from pdoflow.posting order by id`).length;
  const rolledBack = db.sql.begin(async (tx) => {
    await reduce(posting, 3, total, { root, with: [1], transaction: fromPostgres(tx) });
    throw new Error("no");
  });
  expect(await refusal(rolledBack)).toContain("no");
  expect(await ids()).toBe(1);
  await db.sql.begin((tx) =>
    reduce(posting, 3, total, { root, with: [1], transaction: fromPostgres(tx) }),
  );
  expect(await ids()).toBe(4);
});

test("what cannot be gathered is refused", async () => {
  await using db = await freshDatabase();
  const options = { root, db: db.url };
  const bare = await postWork(quick, numbers(3), [], { ...options, keepsResults: false });
  expect(await refusal(gather(bare, count, { root }))).toContain("keeps no results");
  expect(await refusal(reduce(bare, 1, count, { root }))).toContain("from 2 to 2147483647");
  // @ts-expect-error: no number
  const half = gather(bare, count, { root, tolerate: "half" });
  expect(await refusal(half)).toContain("expected a number of jobs such as 3, or a percentage");
  const key = { root, jobKey: "k" };
  expect(await refusal(reduce(bare, 2, count, key))).toContain("each level would replace");
});
