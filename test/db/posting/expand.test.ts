// Postings of a job for each element of a list that a job returned (P15).
import { describe, expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { finishPostings } from "../../../src/db/engine/outcomes.ts";
import { settle } from "../../../src/db/engine/settle.ts";
import { cancel, jobsOf, leased, names, readLines, record, refusal, take } from "../engine.ts";
import { queueOfFile } from "../engine.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

async function expand({ sql }: Db, upstream: number, options = {}): Promise<number> {
  const [row] = await sql<{ id: number }[]>`
    select pdoflow.post('child.ts#main', ${sql.json({ expand: upstream })},
                        ${sql.json(options)}) as id`;
  return row?.id ?? 0;
}

const stateOf = async ({ sql }: Db, id: number) =>
  (
    await sql`select state, job_count, reason, ended_at is not null as has_ended
             from pdoflow.posting where id = ${id}`
  )[0];

/** A posting that is expanded from the result of one job, which has just ended. */
async function expanded(db: Db, result: string | null) {
  const { pool, id, jobs } = await leased(db, 1);
  const next = await expand(db, id, { priority: 3 });
  expect(await take(db, pool)).toEqual([]);
  await record(db, pool, jobs, { result });
  await finishPostings(db, [id]);
  await settle(db, [id]);
  return { pool, id, next };
}

describe("P15: a job for each element", () => {
  test("its number is known at once, and its jobs come when the list is there", async () => {
    await using db = await freshQueue();
    const { pool, next } = await expanded(db, '[1, "a", {"n": [2]}, [3]]');
    expect(await stateOf(db, next)).toMatchObject({ jobCount: 4, hasEnded: false });
    const ranges = await take(db, pool);
    expect(names(ranges)).toEqual([0, 1, 2, 3].map((seq) => `${next}/${seq}`));
    expect((await readLines(db, ranges)).flat().map((line) => JSON.parse(line))).toEqual([
      ...[[1], ["a"], [{ n: [2] }], [[3]]],
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
    await record(db, pool, jobsOf(ranges));
    expect(await stateOf(db, next)).toMatchObject({ state: "finished", hasEnded: true });
  });

  test("it is expanded at once if the list is there, and only once", async () => {
    await using db = await freshQueue();
    const { pool, id, next } = await expanded(db, "[1, 2]");
    await settle(db, [id]);
    expect(names(await take(db, pool))).toHaveLength(2);
    expect(await stateOf(db, next)).toMatchObject({ jobCount: 2 });
    const second = await expand(db, id);
    expect(await stateOf(db, second)).toMatchObject({ jobCount: 2 });
    expect(names(await take(db, pool))).toHaveLength(2);
  });

  test("P1: an empty list ends it at once, and postings that wait for it go on", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await leased(db, 1);
    const next = await expand(db, id);
    await db.sql`
      select pdoflow.post('last.ts#main', '[[]]',
                          jsonb_build_object('after', jsonb_build_array(
                            jsonb_build_object('posting', ${next}::bigint))))`;
    await record(db, pool, jobs, { result: "[]" });
    expect(await settle(db, [id])).toBe(1);
    expect(await stateOf(db, next)).toMatchObject({ state: "finished", jobCount: 0 });
    expect(await settle(db, [next])).toBe(1);
    expect(names(await take(db, pool))).toEqual([`${next + 1}/0`]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test.each([
    ["an object", '{"n": 1}', "expected a list as the result of 1, found a value of type object"],
    ["no result", null, "the job of 1 has no result to expand"],
    [
      "100,001 elements",
      `[${Array.from({ length: 100_001 }, () => "0").join(",")}]`,
      "expected at most 100000 elements in the result of 1, found 100001",
    ],
  ])(
    "%s instead of a list cancels it, and it blocks postings that wait for it",
    async (...given) => {
      const [, result, reason] = given;
      await using db = await freshQueue();
      const { next } = await expanded(db, result);
      expect(await stateOf(db, next)).toEqual({
        ...{ state: "cancelled", jobCount: 0, reason, hasEnded: true },
      });
      const [last] = await db.sql<{ id: number }[]>`
      select pdoflow.post('last.ts#main', '[[]]',
                          jsonb_build_object('after', jsonb_build_array(
                            jsonb_build_object('posting', ${next}::bigint)))) as id`;
      const [row] = await db.sql`select reason from pdoflow.obstacles(${last?.id ?? 0})`;
      expect(row).toEqual({ reason: `${next} was cancelled before it had jobs` });
    },
  );

  test("it can be cancelled before it is expanded", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await leased(db, 1);
    const next = await expand(db, id);
    await cancel(db, next);
    expect(await stateOf(db, next)).toMatchObject({ state: "cancelled", hasEnded: true });
    await record(db, pool, jobs, { result: "[1]" });
    await settle(db, [id]);
    expect(await take(db, pool)).toEqual([]);
  });

  test("only a posting of one job can be expanded, and its role must see it", async () => {
    await using db = await freshQueue();
    const { id } = await leased(db, 2);
    expect(await refusal(expand(db, id))).toContain("expected a posting of one job");
    expect(await refusal(expand(db, 99))).toContain("there is no posting 99");
  });
});
