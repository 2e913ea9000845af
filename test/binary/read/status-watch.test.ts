import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { emulated } from "../top/emulated.ts";
import { openQueueCli } from "../queue-cli.ts";

test("status --watch shows what changes, until Ctrl-C", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([1, 2], "fn.ts#quick", "--name", "small");
  await using watch = emulated([...cli.command, "status", "--watch"], {
    env: cli.env,
    cwd: cli.folder,
  });
  await watch.shows(/small.*0%.*waiting/);
  await cli.drain();
  await watch.shows(/small.*100%.*finished/);
  watch.type("\u0003");
  expect(await watch.exited).toBe(130);
});

test("status --watch into a pipe is one frame; a script is sent elsewhere", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([1, 2], "fn.ts#quick", "--name", "small");
  const { out, code } = await cli.run("status", "--watch");
  expect(code).toBe(0);
  expect(out).toMatch(/^pdoflow top/);
  expect(out).toContain("small");
  expect(out).not.toContain("\u001b");
  const json = await cli.run("status", "--watch", "--json");
  expect([json.code, json.out]).toEqual([2, ""]);
  expect(json.err).toContain("pdoflow top --json");
});
