import { expect, test } from "bun:test";

import { readProfile, reportProfile } from "../../../src/db/engine/profiles.ts";
import { newPool, postJobs, queueOfFile, refusal } from "../engine.ts";

const freshQueue = queueOfFile();

test("Q1: samples are added up for each pool separately, and read as one profile", async () => {
  await using db = await freshQueue();
  const id = await postJobs(db, 3);
  const [one, other] = [await newPool(db), await newPool(db)];
  await reportProfile(db, one, id, { jobs: 2, stacks: { "a\nb": 3, a: 1 } });
  await reportProfile(db, one, id, { jobs: 1, stacks: { "a\nb": 2, c: 1 } });
  await reportProfile(db, other, id, { jobs: 1, stacks: { c: 5 } });
  const rows = await db.sql`
    select pool_id, jobs, stacks from pdoflow.profile order by jobs desc`;
  expect([...rows]).toEqual([
    { poolId: one, jobs: 3, stacks: { "a\nb": 5, a: 1, c: 1 } },
    { poolId: other, jobs: 1, stacks: { c: 5 } },
  ]);
  expect(await readProfile(db, [id])).toEqual({ jobs: 4, stacks: { "a\nb": 5, a: 1, c: 6 } });
});

test("Q1: of more than 2,000 stacks the most frequent ones are kept", async () => {
  await using db = await freshQueue();
  const id = await postJobs(db, 1);
  const pool = await newPool(db);
  const many = (from: number) =>
    Object.fromEntries(Array.from({ length: 1_500 }, (_, n) => [`f${from + n}`, from + n + 1]));
  await reportProfile(db, pool, id, { jobs: 1, stacks: many(0) });
  await reportProfile(db, pool, id, { jobs: 1, stacks: many(1_500) });
  const { jobs, stacks } = await readProfile(db, [id]);
  expect([jobs, Object.keys(stacks).length]).toEqual([2, 2_000]);
  expect([stacks["f2999"], stacks["f0"]]).toEqual([3_000, undefined]);
});

test("an invalid profile is refused, and one of a deleted posting is dropped", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  await reportProfile(db, pool, 99, { jobs: 1, stacks: { a: 1 } });
  expect([...(await db.sql`select from pdoflow.profile`)]).toEqual([]);
  const tell = (stacks: string) => db.sql`
    select pdoflow.pool_profile(${pool}, 1, 1, ${stacks}::text::jsonb)`;
  expect(await refusal(tell("[1]"))).toContain("expected the stacks of a profile");
});
