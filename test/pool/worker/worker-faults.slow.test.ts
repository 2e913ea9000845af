import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { until } from "../../binary/cli.ts";
import { type Commands, openCommands } from "../../cli/in-process.ts";

interface Fault {
  name: string;
  /** The body of `bad(i)`; it misbehaves for i = 1 of 0, 1, 2. */
  body: string;
  post?: string[];
  /** Whether it is not tried again. */
  isFinal?: boolean;
  /** The outcomes of the job that misbehaves. */
  error: { name: RegExp; message: RegExp };
}

const faults: Fault[] = [
  {
    name: "calls process.exit",
    body: `process.exit(3);`,
    error: { name: /^WorkerDied$/, message: /exited with code 3 while it ran this job/ },
  },
  {
    name: "throws asynchronously, outside of its promise",
    body: `setTimeout(() => { throw new Error("later"); }, 5); await new Promise(() => {});`,
    error: { name: /^WorkerDied$/, message: /exited with code 1 .*later/s },
  },
  {
    name: "rejects a promise that nobody handles",
    body: `Promise.reject(new Error("nobody")); await new Promise(() => {});`,
    error: { name: /^WorkerDied$/, message: /exited with code 1 .*nobody/s },
  },
  {
    name: "crashes with a segmentation fault",
    body: `process.kill(process.pid, "SIGSEGV"); for (;;);`,
    error: { name: /^WorkerDied$/, message: /was killed by SIGSEGV/ },
  },
  {
    name: "never resolves, and has a timeout",
    body: `await new Promise(() => {});`,
    post: ["--timeout", "300ms"],
    error: { name: /^Timeout$/, message: /longer than its timeout of 300 ms/ },
  },
  {
    name: "spins for ever, and has a timeout",
    body: `for (;;);`,
    post: ["--timeout", "300ms"],
    error: { name: /^Timeout$/, message: /longer than its timeout of 300 ms/ },
  },
  {
    name: "ignores SIGTERM, and has a timeout",
    body: `process.on("SIGTERM", () => {}); await new Promise((r) => setTimeout(r, 60_000));`,
    post: ["--timeout", "300ms", "--grace", "200ms"],
    error: { name: /^Timeout$/, message: /longer than its timeout of 300 ms/ },
  },
  {
    name: "closes the channel to its pool",
    body: `process.disconnect(); await new Promise((r) => setTimeout(r, 60_000));`,
    error: { name: /^WorkerDied$/, message: /./ },
  },
  {
    name: "writes nonsense into the channel to its pool",
    body: `process.send({ kind: "ended", chunk: 0, ends: "all" }); await new Promise((r) => setTimeout(r, 60_000));`,
    error: { name: /^WorkerDied$/, message: /message of a worker/ },
  },
  {
    name: "claims the end of jobs that its worker was not handed",
    body: `process.send({ kind: "ended", chunk: 0, ends: [[999, true, 1, 0, "1"]] }); await new Promise((r) => setTimeout(r, 60_000));`,
    error: { name: /^WorkerDied$/, message: /./ },
  },
  {
    name: "returns what can't be passed on",
    body: `return () => {};`,
    isFinal: true,
    error: { name: /^UnencodableValue$/, message: /function/ },
  },
  {
    name: "throws what is no error",
    body: `throw { code: 7 };`,
    error: { name: /^Thrown$/, message: /"code":7/ },
  },
];

/** Posts three jobs of which the second misbehaves, and runs them with up to two attempts each. */
async function runThree(cli: Commands, body: string, post: string[] = []) {
  await cli.write(
    "bad.ts",
    `export async function bad(i: number) {\n  if (i !== 1) return i;\n${body}\n}\n`,
  );
  const posted = await cli.runWith(
    { input: "[[0],[1],[2]]" },
    ...["post", "bad.ts#bad", "-", "--max-attempts", "2", "--backoff", "10ms", ...post],
  );
  expect(posted.err).toBe("");
  return await cli.run("pool", "--once", "--max-workers", "1");
}

test.each(faults)(
  "a job that $name fails, and the pool and the other jobs go on",
  async (fault) => {
    await using db = await freshDatabase();
    using cli = await openCommands(db);
    expect((await runThree(cli, fault.body, fault.post)).code).toBe(1);
    const outcomes = await db.sql`
    select seq, attempt, state, error->>'name' as name, error->>'message' as message
    from pdoflow.outcome order by seq, attempt`;
    expect(outcomes.map((row) => [row["seq"], row["attempt"], row["state"]])).toEqual([
      [0, 1, "done"],
      ...(fault.isFinal
        ? [[1, 1, "failed"]]
        : [
            [1, 1, "retried"],
            [1, 2, "failed"],
          ]),
      [2, 1, "done"],
    ]);
    for (const row of outcomes.filter(({ seq }) => seq === 1)) {
      expect(row["name"]).toMatch(fault.error.name);
      expect(row["message"]).toMatch(fault.error.message);
    }
  },
);

test("a timeout kills the child processes of the job too", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const body = `
    const child = Bun.spawn(["sleep", "300"]);
    await Bun.write("child.pid", String(child.pid));
    await child.exited;`;
  await runThree(cli, body, ["--timeout", "500ms", "--max-attempts", "1"]);
  const pid = readFileSync(join(cli.folder, "child.pid"), "utf8");
  await until("the child to be gone", async () => {
    const stat = `/proc/${pid}/stat`;
    return !existsSync(stat) || / Z /.test(readFileSync(stat, "utf8"));
  });
});

test("a job that closes stdin, stdout and stderr does no harm", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const body = `const fs = require("node:fs"); for (const fd of [0, 1, 2]) fs.closeSync(fd); return i;`;
  expect((await runThree(cli, body)).code).toBe(0);
  const [row] = await db.sql`select done from pdoflow.posting`;
  expect(row).toEqual({ done: 3 });
});
