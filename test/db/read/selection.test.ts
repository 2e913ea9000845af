import { expect, test } from "bun:test";

import { findInState, findPicked } from "../../../src/db/read/selection.ts";
import { cancel, hold, postSingles, queueOfFile } from "../engine.ts";

const freshQueue = queueOfFile();

test("P7: of several postings with a name, @name is the newest", async () => {
  await using db = await freshQueue();
  await postSingles(db, 3);
  await db.sql`update pdoflow.posting set name = 'night' where id <= 2`;
  expect(await findPicked(db, { by: "name", name: "night" })).toEqual([2]);
  expect(await findPicked(db, { by: "name", name: "day" })).toEqual([]);
  expect(await findPicked(db, { by: "number", id: 3 })).toEqual([3]);
  expect(await findPicked(db, { by: "last", count: 2 })).toEqual([2, 3]);
});

test("only postings that have not ended are found by their state", async () => {
  await using db = await freshQueue();
  await postSingles(db, 4);
  await hold(db, 2);
  await cancel(db, 3);
  expect(await findInState(db, "open")).toEqual([1, 4]);
  expect(await findInState(db, "paused")).toEqual([2]);
  expect(await findInState(db, "cancelled")).toEqual([]); // it ended at once
});
