import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { documentOf } from "./json.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";

const source = `
export const corner = (i: number) => { if (i >= 30 && i < 130) throw new Error("no convergence"); };
export const bad = (i: number) => { throw new Error("no " + i); };
export const slow = async () => { await Bun.sleep(700); return "done"; };
`;

async function openQueue() {
  const db = await freshDatabase();
  const cli = await openQueueCommands(db);
  await cli.write("jobs.ts", source);
  const row = async () => {
    const [row] = await db.sql`
      select state, reason, coalesce(p.done, 0) as done, (
        select count(*)::integer from pdoflow.outcome where state in ('failed', 'retried')) as failed
      from pdoflow.posting p order by id desc limit 1`;
    return row;
  };
  return {
    ...cli,
    row,
    [Symbol.asyncDispose]: async () => {
      cli[Symbol.dispose]();
      await db[Symbol.asyncDispose]();
    },
  };
}

test("a sorted sweep with a corner of bad jobs is not stopped", async () => {
  await using cli = await openQueue();
  await cli.run("post", "jobs.ts#corner", "--each", "0-199", "--max-attempts", "1");
  const pool = await cli.run("pool", "--once", "--max-workers", "1");
  expect(pool.err).toContain("ended: 100 done, 100 failed");
  expect(await cli.row()).toMatchObject({ state: "finished", reason: null });
});

test("run --stop-after 1 stops at the first failure, with two workers and quick jobs", async () => {
  await using cli = await openQueue();
  const run = ["run", "jobs.ts#bad", "--each", "1-20", "--stop-after", "1", "--max-workers", "2"];
  const { code, err } = await cli.run(...run);
  expect(code).toBe(1);
  expect(err).toMatch(
    /^pdoflow run: \d+ jobs did not run; continue with: pdoflow run --resume 1$/m,
  );
  const row = await cli.row();
  expect(row?.["reason"]).toMatch(
    /^\d jobs? ha(s|ve) failed and none is done, the limit of --stop-after 1$/,
  );
  expect(row?.["failed"]).toBeLessThanOrEqual(4);
});

test("resume --stop-after 0 goes on to the end, whatever fails", async () => {
  await using cli = await openQueue();
  await cli.run("post", "jobs.ts#bad", "--each", "1-60", "--max-attempts", "1");
  const pool = await cli.run("pool", "--once", "--max-workers", "1");
  expect(pool).toMatchObject({ code: 1 });
  expect(await cli.row()).toMatchObject({ state: "errored_out" });
  const failures = await cli.run("failures", "1");
  expect(failures.err).toContain("pdoflow resume 1 --stop-after 0");
  expect(await cli.run("resume", "1", "--stop-after", "0")).toMatchObject({
    code: 0,
    err: "posting 1 was resumed\n",
  });
  await cli.run("pool", "--once", "--max-workers", "1");
  expect(await cli.row()).toMatchObject({ state: "finished", failed: 60 });
});

test("retry gives jobs that failed more attempts, and more time", async () => {
  await using cli = await openQueue();
  const limits = ["--max-attempts", "1", "--timeout", "100ms"];
  await cli.run("post", "jobs.ts#slow", "--each", "1", ...limits);
  await cli.run("pool", "--once", "--max-workers", "1");
  expect(await cli.row()).toMatchObject({ state: "finished", done: 0, failed: 1 });
  await cli.run("retry", "1", "--failed", "--max-attempts", "3", "--backoff", "1ms");
  await cli.run("pool", "--once", "--max-workers", "1");
  expect(await cli.row()).toMatchObject({ state: "finished", done: 0, failed: 3 });
  await cli.run("retry", "1", "--failed", "--timeout", "1m");
  await cli.run("pool", "--once", "--max-workers", "1");
  expect(await cli.row()).toMatchObject({ state: "finished", done: 1 });
});

test("set-limit changes how a running posting is tried; a running pool notices", async () => {
  await using cli = await openQueue();
  await cli.run("post", "jobs.ts#slow", "--each", "1-2", "--max-attempts", "1", "--timeout", "1ms");
  await cli.run("pause", "1");
  const pool = cli.start("pool", "--max-workers", "1");
  const set = await cli.run(
    ...["set-limit", "1", "--timeout", "none", "--max-failures", "5%", "--stop-after", "7"],
    ...["--max-attempts", "2", "--backoff", "90s", "--json"],
  );
  expect(documentOf("set-limit", set.out).postings).toEqual([
    {
      ...{ id: 1, maxRunning: null, maxRate: null, stopAfter: 7, maxFailures: null },
      ...{ maxFailuresPercent: 5, maxAttempts: 2, backoffMs: 90_000, timeoutMs: null },
    },
  ]);
  await cli.run("resume", "1");
  expect(await cli.run("wait", "1")).toMatchObject({ code: 0 });
  pool.kill("SIGTERM");
  await pool.exited;
  const none = await cli.run("set-limit", "1", "--max-failures", "none");
  expect(none.err).toContain("stop after 7, max failures none, max attempts 2, backoff 90s");
  for (const wrong of [
    ["--stop-after", "-1"],
    ["--stop-after", "none"],
    ["--timeout", "soon"],
  ]) {
    expect(await cli.run("set-limit", "1", ...wrong)).toMatchObject({ code: 2 });
  }
});
