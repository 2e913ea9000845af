import { expect, test } from "bun:test";
import { join } from "node:path";

import {
  ClusterPool,
  fromPostgres,
  mapOver,
  type Posting,
  postWork,
  type ResultOf,
} from "../../../src/index.ts";
import { freshDatabase } from "../../database.ts";
import { refusal } from "../../db/engine.ts";
import { brokenInvariants } from "../../db/invariants.ts";
import { fails, quick, scaled } from "../in-process-jobs.ts";

const root = join(import.meta.dir, "..");

async function resultsOf<R>(posting: Posting<R>): Promise<(R | undefined)[]> {
  const results: (R | undefined)[] = [];
  for await (const { result } of posting.results({ order: "posted" })) results.push(result);
  return results;
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => [n] as const);

test("a pool runs a chain of postings, job by job", async () => {
  await using db = await freshDatabase();
  const where = { root, db: db.url };
  const one = await postWork(quick, numbers(600), [], where);
  const two = await mapOver(one, quick, { root });
  const three = await mapOver(two, scaled, { root, with: [10n, "x"] });
  expect([two.jobCount, three.jobCount]).toEqual([600, 600]);
  await using pool = new ClusterPool({ concurrency: 3, ...where });
  expect(await pool.awaitCompletion(three)).toMatchObject({ done: 600, failed: 0 });
  const expected = numbers(600).map(([n]) => ({ product: 40n * BigInt(n), text: "x" }));
  expect(await resultsOf(three)).toEqual(expected);
  expect(await brokenInvariants(db.db)).toEqual([]);
});

test("jobs over failed ones are skipped, and run after a retry by hand", async () => {
  await using db = await freshDatabase();
  const where = { root, db: db.url };
  const one = await postWork(fails, [["fatal"], ["fatal"]], [], where);
  const two = await mapOver(one, "in-process-jobs.ts#quick", { root });
  await using pool = new ClusterPool({ concurrency: 1, ...where });
  expect(await pool.awaitCompletion(two)).toMatchObject({ done: 0, cancelled: 2 });
  // In one transaction: the pool may have run both again before another one.
  const [opened] = await db.sql.begin(async (tx) => {
    await tx`select pdoflow.retry(${one.id})`;
    return await tx`
      select state::text, cancelled::int from pdoflow.status(${two.id})`;
  });
  expect(opened).toEqual({ state: "open", cancelled: 0 });
  expect(await pool.awaitCompletion(two)).toMatchObject({ done: 0, cancelled: 2 });
});

test("it belongs to a transaction of the caller", async () => {
  await using db = await freshDatabase();
  const one = await postWork(quick, numbers(2), [], { root, db: db.url });
  const rolledBack = db.sql.begin(async (tx) => {
    await mapOver(one, quick, { root, transaction: fromPostgres(tx) });
    throw new Error("no");
  });
  expect(await refusal(rolledBack)).toContain("no");
  expect(await db.sql`select from pdoflow.posting`).toHaveLength(1);
});

test("what has no results is refused, and what is no option", async () => {
  await using db = await freshDatabase();
  const options = { root, db: db.url };
  const bare = await postWork(quick, numbers(3), [], { ...options, keepsResults: false });
  expect(await refusal(mapOver(bare, quick, { root }))).toContain("keeps no results");
  // @ts-expect-error: no option
  expect(await refusal(mapOver(bare, quick, { root, size: 3 }))).toContain("size");
});

export async function types(one: Posting<number>, texts: Posting<string>) {
  const two: Posting<number> = await mapOver(one, quick);
  const three: Posting<ResultOf<typeof scaled>> = await mapOver(two, scaled, { with: [1n, "a"] });
  await mapOver(three, "a.ts#a");
  // @ts-expect-error: the result is a text, and the parameter a number
  await mapOver(texts, quick, {});
  // @ts-expect-error: the other arguments are missing
  await mapOver(one, scaled);
  // @ts-expect-error: another argument of a wrong type
  await mapOver(one, scaled, { with: [1, "a"] });
}
