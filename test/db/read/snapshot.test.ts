import { expect, test } from "bun:test";

import { findPostings, readPostings } from "../../../src/db/read/snapshot.ts";
import { cancel, queueOfFile, postJobs, postSingles } from "../engine.ts";

const freshQueue = queueOfFile();

test("postings that have not ended come first, then the newest that have", async () => {
  await using db = await freshQueue();
  const [a = 0, b = 0, c = 0, d = 0] = await postSingles(db, 4);
  for (const ended of [b, d]) await cancel(db, ended);
  const shown = async (most: number) => (await readPostings(db, most)).map(({ id }) => id);
  expect(await shown(10)).toEqual([c, a, d, b]);
  expect(await shown(3)).toEqual([c, a, d]);
  expect(await shown(1)).toEqual([c]);
});

test("an old posting that has not ended is shown though many newer ones have", async () => {
  await using db = await freshQueue();
  const [old = 0, ...newer] = await postSingles(db, 6);
  for (const id of newer) await cancel(db, id);
  expect((await readPostings(db, 3)).map(({ id }) => id)).toEqual([
    old,
    ...newer.slice(-2).toReversed(),
  ]);
});

test("a posting is shown with its poster, its state and its times", async () => {
  await using db = await freshQueue();
  const id = await postJobs(db, 3, { osUser: "ben" });
  const [posting] = await findPostings(db, [99, id]);
  expect(posting).toMatchObject({
    id,
    entryPoint: "work.ts#main",
    jobCount: 3,
    state: "open",
    posterOs: "ben",
    endedAt: null,
  });
  expect(posting?.postedAt).toBeInstanceOf(Date);
});
