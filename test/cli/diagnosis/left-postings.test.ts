import { expect, test } from "bun:test";

import { leftPostings } from "../../../src/cli/diagnosis/left-postings.ts";
import { hold, newPool, postJobs, queueOfFile } from "../../db/engine.ts";
import { freshDatabase } from "../../database.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";

const openQueue = queueOfFile();
const scope = { provides: { cpus: 2 }, posters: null };

test("a pool that ends when nothing is left to run lists the postings that it could never run", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([1, 2], "fn.ts#quick");
  await cli.post([1], "fn.ts#quick", "--needs", "gpu=1,model=a100");
  const pool = await cli.run("pool", "--once", "--resource", "gpu=none", "--max-workers", "1");
  expect(pool).toMatchObject({ code: 0 });
  expect(pool.err).toContain(
    "pool: posting 2 needs gpu=1, model=a100, which this pool does not provide; start another " +
      "pool with: pdoflow pool --resource gpu=0 --resource model=a100\n" +
      "pool: ended: 2 done",
  );
});

test("postings that a live pool can run, or that do not wait for a pool, are not left", async () => {
  await using db = await openQueue();
  await postJobs(db, 1, { needs: [["cpus", ">=", 4]] });
  await hold(db, await postJobs(db, 1, { needs: [["gpu", "has"]] }));
  await postJobs(db, 1);
  const left = await leftPostings(db, scope);
  expect(left).toEqual([
    "posting 1 needs cpus>=4, which this pool does not provide; " +
      "start another pool with: pdoflow pool --resource cpus=4",
  ]);
  expect(await leftPostings(db, { ...scope, posters: ["bob"] })).toEqual([]);
  expect(await leftPostings(db, { ...scope, postings: ["2"] })).toEqual([]);
  const able = await newPool(db);
  await db.sql`update pdoflow.pool set provides = '{"cpus": 4}' where id = ${able}`;
  expect(await leftPostings(db, scope)).toEqual([]);
});

test("at most ten postings have a line each, and the others are counted", async () => {
  await using db = await openQueue();
  for (let i = 0; i < 12; i++) await postJobs(db, 1, { needs: [["gpu", "has"]] });
  const left = await leftPostings(db, scope);
  expect(left).toHaveLength(11);
  expect(left.at(-1)).toBe(
    "2 more postings need what this pool does not provide; see: pdoflow list",
  );
});
