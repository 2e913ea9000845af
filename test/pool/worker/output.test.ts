import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../../cli/in-process.ts";

async function printing(body: string, post: string[] = [], jobs = "[[0]]") {
  const db = await freshDatabase();
  const cli = await openCommands(db);
  await cli.write("print.ts", `export async function print(i: number) {\n${body}\n}`);
  const posted = await cli.runWith(
    { input: jobs },
    ...["post", "print.ts#print", "-", "--max-attempts", "1", ...post],
  );
  expect(posted).toMatchObject({ code: 0, err: "" });
  const pool = await cli.run("pool", "--once", "--max-workers", "1");
  const outcomes = await db.sql<
    {
      seq: number;
      state: string;
      stdout: string | null;
      stderr: string | null;
      result: unknown;
      error: { name: string } | null;
    }[]
  >`select seq, state, stdout, stderr, result, error from pdoflow.outcome order by seq`;
  return {
    pool,
    outcomes: [...outcomes],
    db,
    async [Symbol.asyncDispose]() {
      cli[Symbol.dispose]();
      await db[Symbol.asyncDispose]();
    },
  };
}

test("the output of a failed job is kept, the output of a successful one is not", async () => {
  await using ran = await printing(
    `console.log("out", i); console.error("err", i); if (i === 1) throw new Error("x"); return i;`,
    [],
    "[[0],[1],[2]]",
  );
  expect(ran.outcomes.map(({ stdout, stderr }) => [stdout, stderr])).toEqual([
    [null, null],
    ["out 1\n", "err 1\n"],
    [null, null],
  ]);
});

test("--output all keeps the output of each job, however it is written", async () => {
  await using ran = await printing(
    `console.log("log", i);
     process.stdout.write("write " + i + "\\n");
     require("node:fs").writeSync(1, "fs " + i + "\\n");
     await Bun.write(Bun.stdout, "bun " + i + "\\n");
     Bun.spawnSync(["sh", "-c", "echo child " + i + "; echo problem " + i + " >&2"], { stdio: ["ignore", "inherit", "inherit"] });`,
    ["--output", "all"],
    "[[0],[1]]",
  );
  expect(ran.outcomes.map(({ stdout, stderr }) => [stdout, stderr])).toEqual(
    [0, 1].map((i) => [`log ${i}\nwrite ${i}\nfs ${i}\nbun ${i}\nchild ${i}\n`, `problem ${i}\n`]),
  );
});

test("--output none keeps nothing, --no-results no return values", async () => {
  await using ran = await printing(`console.log("x"); throw new Error("y");`, ["--output", "none"]);
  expect(ran.outcomes[0]).toMatchObject({ stdout: null, stderr: null, error: { name: "Error" } });
  await using silent = await printing(`return { much: "data" };`, ["--no-results"]);
  expect(silent.outcomes[0]).toMatchObject({ state: "done", result: null });
});

test("of long output the beginning and the end are kept, 64 KiB in all", async () => {
  await using ran = await printing(
    `for (let n = 0; n < 20_000; n++) console.log("line " + n); throw new Error("x");`,
  );
  const { stdout } = ran.outcomes[0] ?? {};
  expect(stdout).toStartWith("line 0\nline 1\n");
  expect(stdout).toEndWith("line 19998\nline 19999\n");
  expect(stdout).toMatch(/… \(\d+ bytes left out\) …/);
  expect(stdout?.length).toBeLessThan(66_000);
});

test("a job that fills stdout with a gigabyte fills neither memory nor disk", async () => {
  await using ran = await printing(
    `const fs = require("node:fs");
     fs.writeSync(1, "the beginning\\n");
     const block = Buffer.alloc(1 << 20, "x");
     for (let n = 0; n < 1024; n++) { fs.writeSync(1, block); if (n % 64 === 0) await Bun.sleep(1); }
     fs.writeSync(1, "\\nthe end\\n");
     throw new Error("x");`,
  );
  const { stdout } = ran.outcomes[0] ?? {};
  expect(stdout).toStartWith("the beginning\nxxx");
  expect(stdout).toEndWith("xxx\nthe end\n");
  expect(stdout?.length).toBeLessThan(100_000);
}, 120_000);

test("the output of a job before it was killed is kept", async () => {
  await using ran = await printing(
    `console.log("last words"); process.kill(process.pid, "SIGKILL"); for (;;);`,
  );
  expect(ran.outcomes[0]).toMatchObject({ stdout: "last words\n", error: { name: "WorkerDied" } });
});

test("invalid bytes and NUL are replaced, so that PostgreSQL accepts the text", async () => {
  await using ran = await printing(
    `require("node:fs").writeSync(1, Buffer.from([65, 0, 255, 66])); throw new Error("a\\0b\\ud800");`,
  );
  expect(ran.outcomes[0]).toMatchObject({
    stdout: "A\u2400\ufffdB",
    error: { name: "Error", message: "a\u2400b\ufffd" },
  });
});

test("the error has its name, message, stack with the place in the file, and its causes", async () => {
  await using ran = await printing(
    `class FitError extends Error { override name = "FitError"; }
     throw new FitError("no fit", { cause: new RangeError("too far") });`,
  );
  expect(ran.outcomes[0]?.error).toMatchObject({
    name: "FitError",
    message: "no fit",
    stack: expect.stringMatching(/print\.ts:3/),
    cause: { name: "RangeError", message: "too far" },
  });
});

test("FatalError ends the job at once, RetryAfter sets the time of the next attempt", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "stop.ts",
    `import { FatalError, RetryAfter } from "pdoflow";
     export function fatal() { throw new FatalError("never again"); }
     let calls = 0;
     export function later() { if (++calls < 2) throw new RetryAfter(600); return Date.now(); }`,
  );
  await cli.runWith({ input: "[[]]" }, "post", "stop.ts#fatal", "-", "--max-attempts", "5");
  await cli.runWith({ input: "[[]]" }, "post", "stop.ts#later", "-", "--backoff", "1ms");
  await cli.run("pool", "--once", "--max-workers", "1");
  const rows = await db.sql`
    select posting_id, attempt, state, error->>'name' as name, ended_at
    from pdoflow.outcome order by posting_id, attempt`;
  expect(rows.map((row) => [row["postingId"], row["attempt"], row["state"], row["name"]])).toEqual([
    [1, 1, "failed", "FatalError"],
    [2, 1, "retried", "RetryAfter"],
    [2, 2, "done", null],
  ]);
  expect(rows[2]?.["endedAt"] - rows[1]?.["endedAt"]).toBeGreaterThanOrEqual(590);
});
