import { expect, test } from "bun:test";

import { insertPosting } from "../../../src/db/posting/insert.ts";
import { prune } from "../../../src/db/admin/prune.ts";
import { readRoutes } from "../../../src/db/engine/routes.ts";
import { cancel, freshQueue } from "../engine.ts";
import { all } from "../admin/retention.ts";

test("R2: the route of a run is read by its pool alone, and goes with its posting", async () => {
  await using db = await freshQueue();
  const post = (run: string) =>
    insertPosting(
      db,
      { entryPoint: "fit.ts#fit", priority: 0, osUser: "ann", run },
      [{ args: ["[1]"] }],
      "the test",
    );
  const { id } = await post("7c1");
  await post("8d2");
  await post("");
  const readBy = async (run: string) => (await readRoutes(db, { run })).map((route) => route.run);
  expect([await readBy("7c1"), await readBy("")]).toEqual([["7c1"], [""]]);
  await cancel(db, id);
  await prune(db, all);
  expect([await readBy("7c1"), await readBy("8d2"), await readBy("")]).toEqual([[], ["8d2"], [""]]);
});

test("R4, O6: a pool of a project reads the routes of that project and of none", async () => {
  await using db = await freshQueue();
  for (const project of ["orbit", "tide", undefined]) {
    await insertPosting(
      db,
      { entryPoint: "fit.ts#fit", priority: 0, osUser: "ann", ...(project && { project }) },
      [{ args: ["[1]"] }],
      "the test",
    );
  }
  const readBy = async (project: string | null) =>
    (await readRoutes(db, { project })).map((route) => route.project).sort();
  expect(await readBy("orbit")).toEqual(["", "orbit"]);
  expect(await readBy(null)).toEqual(["", "orbit", "tide"]);
});
