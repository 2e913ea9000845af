// Plans that were made while the tables were small must not read what lies between the claimed
// postings (rule 3).
import { expect, test } from "bun:test";

import { freshQueue, newPool, postManySingles, take } from "../engine.ts";
import { openTransaction } from "../locks.ts";

test("a claim of postings of one job reads no jobs of the postings between them", async () => {
  await using db = await freshQueue();
  const first = await postManySingles(db, 2_000);
  const pool = await newPool(db);
  await using tx = await openTransaction(db);
  const skip = Array.from({ length: 1_997 }, (_, place) => first + 1 + place);
  const ranges = await take(tx, pool, { skip });
  expect(ranges.map(({ postingId, args }) => [postingId - first, args])).toEqual([
    [0, "[0]"],
    [1_998, "[]"],
    [1_999, "[]"],
  ]);
  const [read] = await tx.sql`
    select sum(idx_tup_fetch)::integer as jobs from pg_stat_xact_user_tables
    where relname ~ '^job_\\d+$'`;
  expect(read?.jobs).toBe(3);
  await tx.sql`rollback`;
});
