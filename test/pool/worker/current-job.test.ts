import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { said, until } from "../../binary/cli.ts";
import { openCommands } from "../../cli/in-process.ts";
import { documentsOf } from "../../cli/commands/json.ts";

const jobs = `
  import { setImmediate as turn } from "node:timers/promises";
  import { currentJob, FatalError } from "pdoflow";
  const outside = currentJob() === undefined;

  async function deep() {
    await turn();
    const { id, posting, index, attempt } = currentJob();
    return { id, posting, index, attempt, outside };
  }
  export const who = (i: number) => deep();

  export async function waits(how: string) {
    const { signal, log } = currentJob();
    log("%s waits", how, { signal: signal.aborted });
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    log(signal.reason.name);
    if (how === "done") return "ended by itself";
    if (how === "fatal") throw new FatalError("for good");
    throw signal.reason;
  }

  export async function deaf() {
    currentJob().signal;
    await new Promise(() => setInterval(() => {}, 1000));
  }

  export async function tells() {
    const { progress } = currentJob();
    try { progress(2); } catch (error) { console.error(String(error)); }
    for (let i = 0; i < 1000; i++) progress(i / 2000, "row " + i);
    await new Promise(() => setInterval(() => {}, 1000));
  }
`;

test("a job knows which it is, by its index and not its place in the queue, at each attempt", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("a.ts", jobs);
  const input = JSON.stringify(
    [
      [0, 1],
      [1, 5],
      [2, 3],
    ].map(([i, p]) => ({ i, p })),
  );
  await cli.runWith({ input }, "post", "a.ts#who", "-", "--priority-column", "p");
  await cli.runWith({ input: "[[7],[8]]" }, "post", "a.ts#who", "-");
  expect((await cli.run("pool", "--once", "--max-workers", "1")).code).toBe(0);
  const { out } = await cli.run("results", "1", "2");
  const results = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).result);
  const seen = (posting: number, index: number) => ({
    ...{ id: `${posting}/${index}`, posting, index, attempt: 1, outside: true },
  });
  expect(results).toEqual([seen(1, 0), seen(1, 1), seen(1, 2), seen(2, 0), seen(2, 1)]);
});

test("a timeout aborts the job's signal; an error thrown then is the cause, and a return value counts", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("a.ts", jobs);
  const input = '[["throws"],["done"],["fatal"]]';
  const options = ["--timeout", "300ms", "--grace", "1h", "--max-attempts", "2", "--backoff", "0s"];
  await cli.runWith({ input }, "post", "a.ts#waits", "-", ...options);
  const pool = await cli.run("pool", "--once", "--max-workers", "1");
  expect(pool.err).toContain("1 done, 2 failed, 1 failed attempts");
  const rows = await db.sql`
    select seq, attempt, state, error ->> 'name' as name, error -> 'cause' ->> 'name' as cause,
           duration_ms < 1000 as at_once, stderr
    from pdoflow.outcome order by seq, attempt`;
  const failed = (seq: number, attempt: number, state: string, cause: string) => ({
    ...{ seq, attempt, state, name: "Timeout", cause, atOnce: true },
    stderr: `${seq === 0 ? "throws" : "fatal"} waits { signal: false }\nTimeout\n`,
  });
  expect([...rows]).toEqual([
    failed(0, 1, "retried", "Timeout"),
    failed(0, 2, "failed", "Timeout"),
    { seq: 1, attempt: 1, state: "done", name: null, cause: null, atOnce: true, stderr: null },
    failed(2, 1, "failed", "FatalError"),
  ]);
});

test("cancelling fires the signal, and one that ends by it is cancelled, not failed", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("a.ts", jobs);
  await cli.runWith({ input: '[["throws"]]' }, "post", "a.ts#waits", "-", "--grace", "1h");
  const pool = cli.start("pool", "--max-workers", "1");
  await until("the job to run", async () => (await cli.run("status", "1")).out.includes(" 1 "));
  await until("the job to be told as running", async () => {
    const [row] = await db.sql`select from pdoflow.pool where running <> '[]'`;
    return row;
  });
  await cli.run("cancel", "1", "--reason", "not needed");
  const [row] = await until("its outcome", async () => {
    const rows = await db.sql`
      select state, error ->> 'name' as name, error ->> 'message' as message from pdoflow.outcome`;
    return rows.length > 0 && rows;
  });
  expect(row).toEqual({ state: "cancelled", name: "Cancelled", message: "not needed" });
  pool.kill("SIGTERM");
  await pool.exited;
});

test("a job that asked for its signal and does not end is killed a second later", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("a.ts", jobs);
  const options = ["--timeout", "200ms", "--grace", "1h", "--max-attempts", "1"];
  await cli.runWith({ input: "[[]]" }, "post", "a.ts#deaf", "-", ...options);
  const pool = await cli.run("pool", "--once", "--max-workers", "1");
  expect(pool.err).toContain("0 done, 1 failed");
  const [row] = await db.sql`select error, duration_ms from pdoflow.outcome`;
  expect(row?.["error"]).toMatchObject({ name: "Timeout" });
  expect(row?.["durationMs"]).toBeWithin(1_100, 10_000);
});

test("progress comes to `jobs` while the job runs, the newest of a thousand", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("a.ts", jobs);
  await cli.runWith({ input: "[[]]" }, "post", "a.ts#tells", "-");
  const pool = cli.start("pool", "--max-workers", "1");
  await said(pool, "1 worker, root");
  const job = await until("its progress", async () => {
    const [job] = documentsOf("jobs", (await cli.run("jobs", "1", "--json")).out);
    return job?.note === "row 999" && job;
  });
  expect(job).toMatchObject({ status: "running", progress: 0.4995, note: "row 999" });
  expect((await cli.run("jobs", "1")).out).toContain("49 % row 999");
  await cli.run("cancel", "1");
  await until("its end", async () => (await cli.run("jobs", "1")).out.includes("cancelled"));
  const [ended] = documentsOf("jobs", (await cli.run("jobs", "1", "--json")).out);
  expect(ended).toMatchObject({ progress: null, note: null });
  pool.kill("SIGTERM");
  await pool.exited;
});
