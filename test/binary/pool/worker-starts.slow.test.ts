import { expect, test } from "bun:test";
import { chmodSync, rmSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { type Cli, openCli, said, until } from "../cli.ts";
import { code, post, done, mounted } from "./small-jobs.ts";
import { workersOf } from "../processes.ts";

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

test("run pauses its posting when no worker can start, and says how to go on", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("fn.ts", code);
  const env = { TMPDIR: "/nonexistent" };
  const run = await cli.runWith({ env }, "run", "fn.ts#fn", "--each", "1-2", "--no-check");
  expect(run.code).toBe(71);
  expect(run.err).toContain("pdoflow run --resume 1");
  expect(await db.sql`select state, reason from pdoflow.posting`).toMatchObject([
    { state: "paused", reason: "its run has failed" },
  ]);
});

test("a pool survives a full temp folder, and continues when it has room again", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  using small = mounted(cli, "size=1m");
  if (small === null) return console.log("not run: this user may not mount a file system");
  await post(cli, 3);
  const full = join(small.path, "full");
  const [program = ""] = cli.command;
  Bun.spawnSync(["dd", "if=/dev/zero", `of=${full}`, "bs=64k"]);
  const pool = Bun.spawn([program, "pool", "--max-workers", "2"], {
    ...{ cwd: cli.folder, env: { ...cli.env, TMPDIR: small.path } },
    ...{ stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  });
  await said(pool, "a worker could not be started: ENOSPC");
  rmSync(full);
  await until("the jobs to be done", async () => (await done(db)) === 3);
  // One more time, of a pool whose workers run.
  Bun.spawnSync(["dd", "if=/dev/zero", `of=${full}`, "bs=64k"]);
  for (const pid of workersOf(pool.pid)) process.kill(pid, "SIGKILL");
  await until("the workers to be gone", async () => workersOf(pool.pid).length === 0);
  rmSync(full);
  await until("the workers to be back", async () => workersOf(pool.pid).length === 2);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
});

test("pool --once ends with an error if no worker can be started, and releases its jobs", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await post(cli, 3);
  const { code, err } = await onceWith(cli, "/nonexistent");
  expect(code).toBe(71);
  expect(err).toMatch(/expected up to 2 workers, but the system could not start one: ENOENT/);
  expect(err).toMatch(/Check the temp folder \(TMPDIR\)/);
  expect(await db.sql`select from pdoflow.lease where active`).toHaveLength(0);
  expect(await db.sql`select from pdoflow.pool where state = 'stopped'`).toHaveLength(1);
});
