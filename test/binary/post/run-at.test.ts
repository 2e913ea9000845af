import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openQueueCli } from "../queue-cli.ts";

test("--run-at accepts a local time, and refuses others with the expected form", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  const run = (when: string, TZ: string) =>
    cli.runWith({ input: "[[1]]", env: { TZ } }, "post", "fn.ts#quick", "-", "--run-at", when);
  expect(await run("2999-07-01T02:00", "Europe/Berlin")).toMatchObject({ code: 0 });
  expect(await run("2999-07-01 02:00Z", "Europe/Berlin")).toMatchObject({ code: 0 });
  const rows = await db.sql`
    select to_char(run_at at time zone 'UTC', 'DD HH24:MI') as at from pdoflow.posting order by id`;
  expect(rows.map((row) => row["at"])).toEqual(["01 00:00", "01 02:00"]);
  for (const when of ["someday", "2999-13-01T00:00", "26:00"]) {
    const { code, err } = await run(when, "UTC");
    expect([code, err]).toEqual([2, expect.stringContaining("expected a time such as")]);
  }
});
