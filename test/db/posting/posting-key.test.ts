import { expect, test } from "bun:test";

import { insertPosting } from "../../../src/db/posting/insert.ts";
import { prune } from "../../../src/db/admin/prune.ts";
import { cancel, freshQueue } from "../engine.ts";
import { all } from "../admin/retention.ts";

test("K1: a key gives its posting again until that is pruned, and to its poster alone", async () => {
  await using db = await freshQueue();
  const post = (osUser: string) =>
    insertPosting(
      db,
      { entryPoint: "fit.ts#fit", priority: 0, osUser, key: "night" },
      [{ args: ["[1]"] }],
      "the test",
    );
  const { id, token } = await post("ann");
  expect(await post("ann")).toEqual({ id, jobCount: 1, isNew: false, token });
  expect(await post("bob")).toMatchObject({ isNew: true });
  await cancel(db, id);
  await prune(db, all);
  expect(await post("ann")).toMatchObject({ isNew: true });
});
