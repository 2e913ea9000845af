import { expect, test } from "bun:test";
import { cp } from "node:fs/promises";
import { join } from "node:path";

import { binary } from "../binary.ts";
import { freshDatabase } from "../database.ts";
import { emptyProject, node } from "./project.ts";

const rows = 1_000_000;

interface Measured {
  value: number;
  peak: { heap: number };
}

test("memory does not grow with the number of posted jobs or read results", async () => {
  await using project = await emptyProject();
  await using database = await freshDatabase();
  await cp(join(import.meta.dir, "../fixtures/million.mjs"), join(project.folder, "million.mjs"));
  const env = { PDOFLOW_DATABASE_URL: database.url, BINARY: await binary() };
  const said = await project.run([await node("newest"), "million.mjs", String(rows)], env);
  const { done, posted, read, ended } = JSON.parse(said) as {
    done: number;
    posted: { peak: { heap: number } };
    read: Measured;
    ended: Measured;
  };
  expect(done).toBe(rows);
  expect(read.value).toBe((rows * (rows - 1)) / 4);
  expect(ended.value).toBe(rows);
  for (const { peak } of [posted, read, ended]) expect(peak.heap).toBeLessThan(100);
}, 1_200_000);
