import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { said } from "../../binary/cli.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";

const openQueue = async () => {
  const db = await freshDatabase();
  const cli = await openQueueCommands(db);
  const states = async () => {
    const rows = await db.sql<{ id: number; state: string }[]>`
      select id::integer, state from pdoflow.posting order by id`;
    return rows.map(({ id, state }) => `${id} ${state}`);
  };
  return {
    ...cli,
    db,
    states,
    async [Symbol.asyncDispose]() {
      cli[Symbol.dispose]();
      await db[Symbol.asyncDispose]();
    },
  };
};

/** Reads on where it stopped. */
function reader(parts: AsyncIterable<Uint8Array>) {
  const iterator = parts[Symbol.asyncIterator]();
  let all = "";
  return {
    until: async (text: string) => {
      while (!all.includes(text)) {
        const { value, done } = await iterator.next();
        if (done === true) throw new Error(`expected "${text}", it said only:\n${all}`);
        all += Buffer.from(value).toString();
      }
    },
  };
}

test("a pool of one posting runs its jobs and retries, and nothing else", async () => {
  await using cli = await openQueue();
  await cli.post([1, 2], "fn.ts#quick", "--priority", "9");
  await cli.post([1, 3], "--max-attempts", "2", "--backoff", "10ms");
  await cli.post([1], "fn.ts#quick");
  const pool = await cli.run("pool", "--posting", "2", "--once", "--max-workers", "2");
  expect(pool.err).toContain("ended: 1 done, 1 failed, 1 failed attempts to be retried");
  expect(pool.code).toBe(1);
  expect(await cli.states()).toEqual(["1 open", "2 finished", "3 open"]);
  await cli.run("pool", "--posting=1,3", "--once", "--max-workers", "1");
  expect(await cli.states()).toEqual(["1 finished", "2 finished", "3 finished"]);
});

test("a pool of one posting does not wait for the retries of another", async () => {
  await using cli = await openQueue();
  await cli.post([3], "--max-attempts", "2", "--backoff", "1h");
  await cli.run("pool", "--posting", "1", "--lifetime", "2s", "--max-workers", "1");
  await cli.post([1], "fn.ts#quick");
  expect(await cli.run("pool", "--posting", "last", "--once")).toMatchObject({ code: 0 });
  expect(await cli.states()).toEqual(["1 open", "2 finished"]);
});

test("a pool of a name also runs later postings of that name", async () => {
  await using cli = await openQueue();
  await cli.post([1], "fn.ts#quick");
  const pool = cli.start("pool", "--name", "night", "--max-workers", "1");
  await said(pool, 'no posting has the name "night" yet');
  await cli.post([1], "fn.ts#quick", "--name", "night");
  expect(await cli.run("wait", "@night", "--timeout", "30s")).toMatchObject({ code: 0 });
  await cli.post([2], "fn.ts#quick", "--name", "night");
  expect(await cli.run("wait", "@night", "--timeout", "30s")).toMatchObject({ code: 0 });
  const why = await cli.run("explain", "1");
  expect(why.out).toContain("all pools serve only other postings; start one with: pdoflow pool");
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
  expect(await cli.states()).toEqual(["1 open", "2 finished", "3 finished"]);
});

test("a posting that the pool can never run is an error with the command that can", async () => {
  await using cli = await openQueue();
  await cli.post([1], "fn.ts#quick", "--needs", "gpu,mem>=16T");
  await cli.post([1], "fn.ts#quick", "--project", "other");
  const run = (...args: string[]) => cli.run("pool", "--once", "--max-workers", "1", ...args);
  expect(await run("--posting", "1")).toMatchObject({
    code: 2,
    err: expect.stringContaining(
      "it needs gpu, mem>=16T, which this pool does not provide. " +
        "Run: pdoflow pool --resource gpu=0 --resource mem=16T --posting 1",
    ),
  });
  expect(await run("--posting", "2", "--project", "mine")).toMatchObject({
    code: 2,
    err: expect.stringContaining("Run: pdoflow pool --project other --posting 2"),
  });
  expect(await run("--posting", "9")).toMatchObject({ code: 4 });
  expect(await run("--posting", "1/7")).toMatchObject({ code: 2 });
  await cli.run("pause", "1");
  const paused = await run("--posting", "1", "--resource", "gpu", "--resource", "mem=16T");
  expect(paused.err).toContain("posting 1 is paused; resume it with: pdoflow resume 1");
  expect(await cli.states()).toEqual(["1 paused", "2 open"]);
});

test("wait says which command starts a pool that can run the jobs, and goes on waiting", async () => {
  await using cli = await openQueue();
  await cli.post([1], "fn.ts#quick", "--needs", "gpu");
  const wait = cli.start("wait", "1");
  const lines = reader(wait.stderr);
  await lines.until("no pool is running; start one with: pdoflow pool --resource gpu=0");
  const other = cli.start("pool", "--name", "night", "--resource", "gpu");
  await lines.until("all pools serve only other postings; start one with: pdoflow pool");
  await cli.run("pool", "--once", "--resource", "gpu", "--max-workers", "1");
  expect(await wait.exited).toBe(0);
  other.kill("SIGTERM");
  await other.exited;
});

test("explain, status and wait report a posting that no pool runs beside a pool of one poster", async () => {
  await using cli = await openQueue();
  const pool = cli.start("pool", "--posters", "nobody", "--max-workers", "1");
  await said(pool, "1 worker, root");
  await cli.post([1], "fn.ts#quick", "--needs", "gpu=3");
  const why = "no pool provides gpu=3 (1 live pool)";
  expect(await cli.run("explain", "1")).toMatchObject({
    code: 0,
    out: expect.stringContaining(why),
  });
  expect(await cli.run("status")).toMatchObject({ code: 0, err: expect.stringContaining(why) });
  const wait = cli.start("wait", "1");
  await reader(wait.stderr).until(why);
  wait.kill("SIGTERM");
  expect(await wait.exited).toBe(143);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
});
