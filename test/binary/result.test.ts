import { expect, test } from "bun:test";

import { freshDatabase } from "../database.ts";
import { openCli } from "./cli.ts";

test("a job that returns too much has failed, and its pool goes on", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("fill.ts", 'export const fill = (mib: number) => "x".repeat(mib * 2 ** 20);');
  await cli.runWith({ input: "[70]\n[1]\n" }, "post", "fill.ts#fill", "-", "--tries", "1");
  const pool = await cli.run("pool", "--max-workers", "1", "--once");
  expect(pool.code).toBe(1);
  expect(pool.err).toContain("1 done, 1 failed");
  const [row] = await db.sql`select error from pdoflow.outcome where state = 'failed'`;
  expect(row?.["error"]).toMatchObject({
    name: "ResultTooLarge",
    message: expect.stringContaining("64 MiB"),
  });
});

test("an outcome that the database refuses is recorded without what it refused, all others as they are", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  // Stands for what jsonb or the encoding of a database refuses: something about one value.
  await db.sql`alter table pdoflow.outcome add constraint no_13 check (result::text <> '13')`;
  await cli.write("same.ts", "export const same = (i: number) => i;");
  const input = Array.from({ length: 50 }, (_, i) => `[${i}]\n`).join("");
  await cli.runWith({ input }, "post", "same.ts#same", "-");
  const pool = await cli.run("pool", "--max-workers", "2", "--once");
  expect(pool.code).toBe(1);
  expect(pool.err).toContain("49 done, 1 failed");
  expect(pool.err).toContain("posting 1, seq 13: the database refused this outcome");
  const rows = await db.sql`
    select state, count(*)::int as n, count(result)::int as results, max(error ->> 'name') as name
    from pdoflow.outcome group by state order by state`;
  expect([...rows]).toEqual([
    { state: "done", n: 49, results: 49, name: null },
    { state: "failed", n: 1, results: 0, name: "OutcomeRefused" },
  ]);
  const [posting] = await db.sql`select state, done, failed from pdoflow.posting`;
  expect(posting).toEqual({ state: "finished", done: 49, failed: 1 });
});
