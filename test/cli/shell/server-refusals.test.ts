import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../in-process.ts";

test("a statement that a timeout of the server cancels ends with exit code 3 and a message", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await db.sql.begin(async (tx) => {
    await tx`lock table pdoflow.posting`;
    for (const [setting, said] of [
      ["statement_timeout=100", "canceling statement due to statement timeout: it was cancelled"],
      ["lock_timeout=100", "canceling statement due to lock timeout: another transaction has"],
    ] as const) {
      const { code, err } = await cli.runWith({ env: { PGOPTIONS: `-c ${setting}` } }, "list");
      expect(code).toBe(3);
      expect(err).toContain(`refused: ${said}`);
      expect(err.trim().split("\n")).toHaveLength(1);
    }
  });
});

test.each([
  ["40001", "no: it conflicted with another transaction. Try again."],
  ["P0001", "no (P0001). See the log of the server for details."],
  ["53400", "no (53400). See the log of the server for details."],
])("a refusal of the server with %s ends with exit code 3 and a sentence", async (code, said) => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await refusePosting(db.sql, code);
  const ended = await cli.run("post", "a.ts#f", "--each", "1", "--no-check");
  expect({ code: ended.code, out: ended.out }).toEqual({ code: 3, out: "" });
  expect(ended.err).toEndWith(`refused: ${said}\n`);
});

test("a schema that lacks a function ends a pool with exit code 3, and says where to look", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await db.sql`drop function pdoflow.pool_next_ms cascade`;
  const { code, err } = await cli.run("pool", "--once");
  expect(code).toBe(3);
  expect(err).toMatch(
    /refused: function pdoflow\.pool_next_ms.* does not exist: .*pdoflow doctor\n$/,
  );
});

test("a fault of ours has its name and its place, and no lines of the program", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await refusePosting(db.sql, "22012");
  const { code, err } = await cli.run("post", "a.ts#f", "--each", "1", "--no-check");
  expect(code).toBe(70);
  expect(err).toMatch(
    /^pdoflow: this is a bug in pdoflow.*\nPostgresError: no \(22012\)\n( +at .*\n)+$/,
  );
});

/** From now on, posting fails with this SQLSTATE. */
async function refusePosting(
  sql: Awaited<ReturnType<typeof freshDatabase>>["sql"],
  code: string,
): Promise<void> {
  await sql.unsafe(`create function public.refuse() returns trigger language plpgsql as $$
    begin raise exception 'no' using errcode = '${code}'; end $$;
    create trigger refuse before insert on pdoflow.posting execute function public.refuse()`);
}
