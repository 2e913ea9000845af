import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Ended, openCli } from "../cli.ts";

/** The binary with a data folder of its own and no server configured. */
async function machineWithoutServer() {
  const cli = await openCli(null);
  const data = join(tmpdir(), `pdoflow-embedded-${crypto.randomUUID()}`);
  const run = (...args: string[]): Promise<Ended> =>
    cli.runWith({ env: { PDOFLOW_DATA: data } }, ...args);
  return {
    ...cli,
    data,
    run,
    async [Symbol.asyncDispose]() {
      await run("down");
      rmSync(data, { recursive: true, force: true });
      cli[Symbol.dispose]();
    },
  };
}

test("any command starts the embedded server; post, pool and status share it; down stops it", async () => {
  await using machine = await machineWithoutServer();
  await machine.write("add.ts", "export const add = (a: number, b: number) => a + b;");
  await machine.write("args.json", "[[1, 2], [3, 4]]");
  const posted = await machine.run("post", "add.ts#add", "args.json");
  expect(posted).toMatchObject({ code: 0, out: "1\n" });
  expect(posted.err).toContain("first start only");

  const pool = await machine.run("pool", "--once", "--max-workers", "2");
  expect(pool.code).toBe(0);
  expect(pool.err).toContain("(the embedded server)");

  const status = await machine.run("status", "--json");
  expect(status).toMatchObject({ code: 0, err: "" });
  expect(JSON.parse(status.out)).toMatchObject({
    database: { source: "the embedded server" },
    postings: [
      { id: 1, entryPoint: "add.ts#add", state: "finished", jobs: { done: 2, waiting: 0 } },
    ],
  });

  const up = await machine.run("up");
  expect(up).toMatchObject({ code: 0, out: "" });
  expect(up.err).toContain(`data folder: ${machine.data}`);
  const down = await machine.run("down");
  expect(down).toMatchObject({ code: 0, out: "" });
  expect(down.err).toContain("was stopped");
  expect((await machine.run("down")).err).toContain("no embedded PostgreSQL is running");
  // What was committed is there after the next start.
  expect((await machine.run("status", "1")).out).toContain("add.ts#add");
}, 120_000);

test("the server survives kill -9 of itself: the next command starts it with all its data", async () => {
  await using machine = await machineWithoutServer();
  await machine.write("id.ts", "export const id = (x: unknown) => x;");
  await machine.write("args.json", "[[1]]");
  await machine.run("post", "id.ts#id", "args.json");
  const { err } = await machine.run("up");
  const pid = Number(/pid (\d+)/.exec(err)?.[1]);
  process.kill(pid, "SIGKILL");
  const status = await machine.run("status", "--json");
  expect(status.code).toBe(0);
  expect(JSON.parse(status.out).postings).toMatchObject([{ id: 1, jobs: { waiting: 1 } }]);
}, 120_000);

test("where another server is configured, up says so and starts nothing", async () => {
  await using machine = await machineWithoutServer();
  const { code, err } = await machine.runWith(
    { env: { PDOFLOW_DATA: machine.data, PDOFLOW_DATABASE_URL: "postgres://me@127.0.0.1:1/db" } },
    "up",
  );
  expect(code).toBe(3);
  expect(err).toContain("PDOFLOW_DATABASE_URL");
  expect((await machine.run("down")).err).toContain("no embedded PostgreSQL is running");
});

test("demo runs real jobs on real files and leaves nothing behind", async () => {
  using cli = await openCli(null);
  for (let i = 0; i < 30; i++) await cli.write(`files/${i % 3}/file-${i}.txt`, "abc".repeat(i % 7));
  const tmp = mkdtempSync(join(tmpdir(), "pdoflow-demo-test-"));
  chmodSync(tmp, 0o755); // root's PostgreSQL runs as another account
  const { code, out, err } = await cli.runWith({ env: { TMPDIR: tmp } }, "demo", "files");
  expect(code).toBe(0);
  expect(err).toContain("posted 30 jobs of inspect-files.ts#inspectFile");
  expect(out).toMatch(/30 jobs in .* jobs\/s/);
  expect(readdirSync(tmp)).toEqual([]);
  rmSync(tmp, { recursive: true });
}, 120_000);
