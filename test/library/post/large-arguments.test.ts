import { expect, test } from "bun:test";
import { join } from "node:path";

import { postWork } from "../../../src/index.ts";
import { freshDatabase } from "../../database.ts";
import { anything } from "../jobs.ts";

const root = join(import.meta.dir, "..");

test("arguments of more than 64 MiB are refused with the job's number, and nothing is posted", async () => {
  await using db = await freshDatabase();
  const options = { root, db: db.url };
  const large = "x".repeat(64 * 2 ** 20);
  const error = await postWork(anything, [[1], [large]], [], options).catch((e: unknown) => e);
  expect(error).toMatchObject({
    ...{ name: "ArgumentsTooLarge", index: 1 },
    message: expect.stringContaining("Job 1: its arguments are 64.0 MiB, the limit is 64 MiB"),
  });
  expect(await db.sql`select from pdoflow.posting`).toHaveLength(0);
});
