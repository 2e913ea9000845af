import { expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { type Cli, openCli } from "../cli.ts";
import { code, post, done, mounted } from "./small-jobs.ts";

/** The result of a pool with --once whose temp folder is this one. */
const onceWith = async (cli: Cli, TMPDIR: string) =>
  await cli.runWith({ env: { TMPDIR } }, "pool", "--once", "--max-workers", "2");

test("pool --once ends with an error if its temp folder is read-only", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  using fileSystem = mounted(cli, "ro"); // root may write to any folder of another one
  const folder = join(cli.folder, "mounted");
  if (!fileSystem) chmodSync(folder, 0o500);
  expect(await onceWith(cli, folder)).toMatchObject({ code: 71 });
});

test("pool --once continues with the started workers if not all can be started", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await post(cli, 200);
  const limited = `ulimit -n 40; exec "$@"`;
  const child = Bun.spawn(
    ["bash", "-c", limited, "bash", ...cli.command, "pool", "--once", "--max-workers", "8"],
    { cwd: cli.folder, env: cli.env, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [err, code] = await Promise.all([child.stderr.text(), child.exited]);
  expect(err).toMatch(/a worker could not be started: EMFILE/);
  expect(code).toBe(0);
  expect(await done(db)).toBe(200);
});

test("run cancels its posting when no worker can start", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("fn.ts", code);
  const env = { TMPDIR: "/nonexistent" };
  const run = await cli.runWith({ env }, "run", "fn.ts#fn", "--each", "1-2", "--no-check");
  expect(run.code).toBe(71);
  expect(await db.sql`select state, reason from pdoflow.posting`).toMatchObject([
    { state: "cancelled", reason: "its run has failed" },
  ]);
});
