// Arrays of PostgreSQL arrive as text; these queries pass the scopes of pools as lists.
import { expect, test } from "bun:test";

import type { PoolScope } from "../../../src/domain/route.ts";
import { readPostingFacts, readWaitingPostings } from "../../../src/db/read/explain.ts";
import type { Db } from "../../../src/db/connection/connect.ts";
import { registerPool } from "../../../src/db/engine/pools.ts";
import { postJobs, postSingles, queueOfFile } from "../engine.ts";

const freshQueue = queueOfFile();

const poolOf = (db: Db, scope: Partial<PoolScope>) =>
  registerPool(db, {
    ...{ host: "here", pid: 1, version: "test", osUser: "ada", slots: 1, provides: {} },
    ...{ heartbeatTimeoutMs: 3_600_000, posters: null, ...scope },
  });

/** Of each pool, as both queries read it: whether it serves only other postings. */
async function othersOf(db: Db, id: number) {
  const [waiting] = await readWaitingPostings(db, [id]);
  const facts = await readPostingFacts(db, id);
  return [waiting, facts].map((read) => read?.pools.map(({ servesOthers }) => servesOthers));
}

test("the posters and postings of pools are lists", async () => {
  await using db = await freshQueue();
  await poolOf(db, { posters: ["bob", "eve,x"], postings: ["12", "@night"] });
  const id = await postJobs(db, 1);
  const scope = { posters: ["bob", "eve,x"], postings: ["12", "@night"] };
  expect((await readPostingFacts(db, id))?.pools).toMatchObject([scope]);
  expect((await readWaitingPostings(db, [id]))[0]?.pools).toMatchObject([scope]);
});

test("a pool of posting 12 does not serve posting 1", async () => {
  await using db = await freshQueue();
  await poolOf(db, { postings: ["12"] });
  const ids = await postSingles(db, 12);
  const [first = 0, second = 0] = [ids[0], ids[11]];
  expect([first, second]).toEqual([1, 12]);
  expect(await othersOf(db, first)).toEqual([[true], [true]]);
  expect(await othersOf(db, second)).toEqual([[false], [false]]);
});

test("a posting waits behind another one that the pool of both serves", async () => {
  await using db = await freshQueue();
  await poolOf(db, { postings: ["1", "2"] });
  await postJobs(db, 3);
  const id = await postJobs(db, 1);
  expect((await readPostingFacts(db, id))?.ahead).toEqual({ higherPriority: 0, samePriority: 3 });
});

test("of several pools, the jobs that the one with the fewest of them can never run do not count", async () => {
  await using db = await freshQueue();
  const plain = await poolOf(db, {});
  await poolOf(db, { provides: { gpu: ["0"] } });
  await postJobs(db, 7, { needs: [["gpu", "=", 1]] });
  const refused = await postJobs(db, 5, { priority: 1 });
  await postJobs(db, 2);
  const id = await postJobs(db, 1);
  const ahead = async () => (await readPostingFacts(db, id))?.ahead;
  expect(await ahead()).toEqual({ higherPriority: 5, samePriority: 2 });
  await db.sql`
    insert into pdoflow.refusal (posting_id, host, pool_id, pool_ids, reason)
    values (${refused}, 'here', ${plain}, array[${plain}]::bigint[], 'not allowed')`;
  expect(await ahead()).toEqual({ higherPriority: 0, samePriority: 2 });
});
