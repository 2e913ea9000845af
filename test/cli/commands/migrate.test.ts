import { expect, test } from "bun:test";

import { migrations } from "../../../src/db/admin/migration-list.ts";
import { freshDatabase } from "../../database.ts";
import { openCommands } from "../in-process.ts";

test("--dry-run changes nothing, --show-sql prints the statements", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await db.sql`drop schema pdoflow cascade`;
  const { code, out, err } = await cli.run("migrate", "--dry-run", "--show-sql");
  expect(code).toBe(0);
  expect(err).toContain("would apply 0001_queue");
  expect(out).toContain("create table pdoflow.posting");
  expect(await db.sql`select from pg_namespace where nspname = 'pdoflow'`).toHaveLength(0);
});

test("ten migrates at the same moment: one applies, all succeed", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await db.sql`drop schema pdoflow cascade`;
  const all = await Promise.all(Array.from({ length: 10 }, () => cli.run("migrate")));
  expect(all.map(({ code }) => code)).toEqual(Array.from({ length: 10 }, () => 0));
  expect(all.filter(({ err }) => err.startsWith("applied"))).toHaveLength(1);
  const [row] = await db.sql`select count(*)::int as n from pdoflow.migration`;
  expect(row).toEqual({ n: migrations.length });
}, 120_000);

test("a schema of another name works from migrate to the last outcome", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const env = { PDOFLOW_SCHEMA: "my_queue" };
  await cli.write("id.ts", "export const id = (x: number) => x;");
  expect(await cli.runWith({ env }, "migrate")).toMatchObject({ code: 0 });
  expect(await cli.runWith({ env, input: "[[1],[2]]" }, "post", "id.ts#id", "-")).toMatchObject({
    code: 0,
    out: "1\n",
  });
  expect(await cli.runWith({ env }, "pool", "--once")).toMatchObject({ code: 0 });
  const [row] = await db.sql`
    select (select count(*) from my_queue.outcome)::int as mine,
           (select count(*) from pdoflow.outcome)::int as others`;
  expect(row).toEqual({ mine: 2, others: 0 });
});
