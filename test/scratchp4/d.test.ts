import { expect, test } from "bun:test";
import { freshDatabase } from "../database.ts";
import { appendFileSync } from "node:fs";
for (const i of [1,2,3,4]) test("fresh "+i, async () => {
  const t = performance.now();
  await using db = await freshDatabase();
  const t1 = performance.now();
  const [row] = await db.sql`select current_user u, version() v, count(*) n, current_setting('fsync') fs from pdoflow.migration`;
  const t2 = performance.now();
  await db[Symbol.asyncDispose]();
  appendFileSync("/tmp/pq/log", `${process.pid} make ${(t1-t).toFixed()} query ${(t2-t1).toFixed()} drop ${(performance.now()-t2).toFixed()} ${JSON.stringify(row)} ${db.url}\n`);
});
