import { expect, test } from "bun:test";
import { join } from "node:path";

import { postWork } from "../../../src/index.ts";
import { freshDatabase } from "../../database.ts";
import { anything } from "../jobs.ts";

const root = join(import.meta.dir, "..");

test("arguments of just below 64 MiB are posted", async () => {
  await using db = await freshDatabase();
  const large = "x".repeat(64 * 2 ** 20 - 100);
  await postWork(anything, [[large]], [], { root, db: db.url });
  const [row] = await db.sql`select job_count::integer as jobs from pdoflow.posting`;
  expect(row).toEqual({ jobs: 1 });
});
