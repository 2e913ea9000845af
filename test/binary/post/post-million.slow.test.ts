import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { until } from "../cli.ts";
import { peakBytes } from "../processes.ts";
import { openPosting, count } from "./open-posting.ts";

test("a million lines are posted in less than 300 MB", async () => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  await cli.write("many.ndjson", '[1,"file-1.fits",{"degree":2}]\n'.repeat(1_000_000));
  const child = cli.start("post", "f.ts#f", "--no-check", "many.ndjson");
  let most = 0;
  await until("its end", async () => {
    most = Math.max(most, peakBytes(child.pid));
    return child.exitCode !== null;
  });
  expect(child.exitCode).toBe(0);
  expect(most).toBeGreaterThan(0);
  expect(most / 1024 ** 2).toBeLessThan(300);
  expect(await count(db)).toEqual({ postings: 1, jobs: 1_000_000 });
});
