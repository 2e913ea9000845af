import { expect, test } from "bun:test";

import { binary } from "../../binary.ts";
import { freshDatabase } from "../../database.ts";
import { openQueueCli } from "../queue-cli.ts";
import { bigPosting } from "./big-posting.ts";

test("| head ends results at once, without a complaint", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await bigPosting(db, 50_000);
  const shell = Bun.spawn(["sh", "-c", '"$0" results 1 | head -n 1', await binary()], {
    env: cli.env,
    stdout: "pipe",
    stderr: "pipe",
  });
  expect((await shell.stdout.text()).split("\n")).toHaveLength(2);
  expect(await shell.stderr.text()).toBe("");
});
