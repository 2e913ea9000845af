import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { said, until } from "../../binary/cli.ts";
import { type Commands, openCommands, type Started } from "../in-process.ts";

/** Jobs that run until the file "go" exists. */
async function waitingJobs(cli: Commands, count: number, ...post: string[]): Promise<void> {
  await cli.write(
    "wait.ts",
    `import { appendFileSync, existsSync } from "node:fs";
     export async function wait(i: number) {
       appendFileSync("journal", i + "\\n");
       while (!existsSync("go")) await Bun.sleep(5);
       return i;
     }`,
  );
  const input = JSON.stringify(Array.from({ length: count }, (_, i) => [i]));
  expect(await cli.runWith({ input }, "post", "wait.ts#wait", "-", ...post)).toMatchObject({
    code: 0,
  });
}

const started = (cli: Commands, count: number) =>
  until(`${count} jobs to start`, async () => {
    const file = join(cli.folder, "journal");
    return existsSync(file) && readFileSync(file, "utf8").split("\n").length > count;
  });

const stateOf = (db: TestDatabase, state: string) =>
  until(`the posting to be ${state}`, async () => {
    const [row] = await db.sql`select state, ended_at from pdoflow.posting`;
    return row?.["state"] === state && row;
  });

async function stop(pool: Started): Promise<void> {
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
}

test("pause: running jobs continue, the rest is released within two seconds; resume runs them all", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await waitingJobs(cli, 10);
  const pool = cli.start("pool", "--max-workers", "2");
  await started(cli, 2);
  const paused = await cli.run("pause", "1", "--reason", "lunch");
  expect(paused).toEqual({ code: 0, out: "", err: "posting 1 was paused\n" });
  await cli.write("go", "");
  await until("the two that ran to end, and nothing else to be leased", async () => {
    const [row] = await db.sql`
      select (select count(*) from pdoflow.outcome)::int as ended,
             (select count(*) from pdoflow.lease where active)::int as held`;
    return row?.["ended"] === 2 && row["held"] === 0;
  });
  expect((await cli.run("status", "1")).out).toMatch(/paused +10 +8 +0 +0 +2/);
  expect((await cli.run("pause", "1")).err).toBe("posting 1 is paused: not changed\n");

  expect((await cli.run("resume", "1")).err).toBe("posting 1 was resumed\n");
  await stateOf(db, "finished");
  const [row] =
    await db.sql`select count(*)::int as n, max(attempt) as attempt from pdoflow.outcome`;
  expect(row).toEqual({ n: 10, attempt: 1 });
  await stop(pool);
});

test("cancel kills running jobs, counts the rest as cancelled, and the posting ends", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await waitingJobs(cli, 1000);
  const pool = cli.start("pool", "--max-workers", "2");
  await started(cli, 2);
  await cli.run("cancel", "1", "--reason", "wrong data");
  await until("the posting to end", async () => {
    const [row] = await db.sql`select ended_at from pdoflow.posting`;
    return row?.["endedAt"] !== null;
  });
  const [row] = await db.sql`select state, done, failed, cancelled from pdoflow.posting`;
  expect(row).toEqual({ state: "cancelled", done: 0, failed: 0, cancelled: 1000 });
  const outcomes = await db.sql`select state, error->>'message' as why from pdoflow.outcome`;
  expect([...outcomes]).toEqual([
    { state: "cancelled", why: "wrong data" },
    { state: "cancelled", why: "wrong data" },
  ]);
  expect((await cli.run("cancel", "1")).err).toBe("posting 1 is cancelled: not changed\n");
  await stop(pool);
});

test("cancel --keep-running lets running jobs end", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await waitingJobs(cli, 10);
  const pool = cli.start("pool", "--max-workers", "2");
  await started(cli, 2);
  await cli.run("cancel", "1", "--keep-running");
  await until("the rest to be counted", async () => {
    const [row] = await db.sql`select sum(cancelled)::int as n from pdoflow.progress`;
    return row?.["n"] === 8;
  });
  await cli.write("go", "");
  await until("the posting to end", async () => {
    const [row] = await db.sql`select ended_at from pdoflow.posting`;
    return row?.["endedAt"] !== null;
  });
  const [row] = await db.sql`select state, done, cancelled from pdoflow.posting`;
  expect(row).toEqual({ state: "cancelled", done: 2, cancelled: 8 });
  await stop(pool);
});

test("a posting whose jobs only fail stops after twenty failures, and goes on after a fix", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  // Long enough that no worker has many of them in hand.
  await cli.write(
    "bad.ts",
    `export async function bad() { await Bun.sleep(50); throw new Error("typo"); }`,
  );
  const input = JSON.stringify(Array.from({ length: 100 }, () => []));
  await cli.runWith({ input }, "post", "bad.ts#bad", "-", "--backoff", "100ms");
  const pool = await cli.run("pool", "--max-workers", "1", "--once");
  expect(pool.code).toBe(1);
  expect(pool.err).toContain(
    "posting 1 was stopped: 20 jobs have failed and none is done, " +
      "the limit of --stop-after 20; see why: pdoflow failures 1",
  );
  const [row] = await db.sql`
    select state, reason, (select count(*) from pdoflow.outcome)::int as n,
           (select count(*) from pdoflow.lease where active)::int as held
    from pdoflow.posting`;
  expect(row).toMatchObject({ state: "errored_out", held: 0 });
  expect(row?.["n"]).toBeLessThan(60);
  await cli.write("bad.ts", `export function bad() { return "fixed"; }`);
  const idle = await cli.run("pool", "--max-workers", "1", "--once");
  expect(idle.err).toContain(
    "pool: posting 1 is errored_out; resume it with: pdoflow resume 1\npool: ended: 0 done",
  );
  await cli.run("resume", "1");
  expect((await cli.run("pool", "--max-workers", "1", "--once")).code).toBe(0);
  const [after] = await db.sql`select state, done from pdoflow.posting`;
  expect(after?.["state"]).toBe("finished");
  expect(after?.["done"]).toBeGreaterThan(70); // some had used up their tries before
});

test("--max-failures stops at a number of failed jobs, or at a share of them", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "some.ts",
    `export async function some(i: number) { await Bun.sleep(5); if (i % 2) throw new Error("odd"); }`,
  );
  const input = JSON.stringify(Array.from({ length: 200 }, (_, i) => [i]));
  const post = ["post", "some.ts#some", "-", "--max-attempts", "1", "--max-failures"];
  await cli.runWith({ input }, ...post, "5");
  await cli.runWith({ input }, ...post, "10%");
  await cli.run("pool", "--max-workers", "1", "--once");
  const rows = await db.sql`
    select p.state, p.reason, sum(g.failed)::int as failed
    from pdoflow.posting p join pdoflow.progress g on g.posting_id = p.id
    group by p.id order by p.id`;
  expect(rows.map(({ state }) => state)).toEqual(["errored_out", "errored_out"]);
  expect(rows[0]?.["failed"]).toBeGreaterThanOrEqual(5);
  expect(rows[1]?.["failed"]).toBeGreaterThan(20);
  expect(rows[1]?.["reason"]).toContain("the limit of --max-failures 10%");
  expect(rows[0]?.["reason"]).toMatch(
    /^\d+ of 200 jobs have failed, the limit of --max-failures 5$/,
  );
});

test.each([
  ["its number", () => "1"],
  ["its host", () => hostname()],
])(
  "drain by %s: the pool releases waiting jobs, finishes running ones, and ends with 0",
  async (_by, name) => {
    await using db = await freshDatabase();
    using cli = await openCommands(db);
    await waitingJobs(cli, 10);
    const pool = cli.start("pool", "--max-workers", "2");
    await started(cli, 2);
    expect((await cli.run("drain", name())).err).toContain("pool 1 on");
    await said(pool, "it was asked to drain");
    await cli.write("go", "");
    expect(await pool.exited).toBe(0);
    const [row] = await db.sql`select count(*)::int as n from pdoflow.outcome where state = 'done'`;
    expect(row).toEqual({ n: 2 });
    expect(await cli.run("drain", "77")).toMatchObject({ code: 4 });
  },
);

test("--idle-timeout ends a pool that has nothing to do, --lifetime one whose time is over", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const idle = await cli.run("pool", "--max-workers", "1", "--idle-timeout", "1s");
  expect(idle.code).toBe(0);
  expect(idle.err).toContain("it had nothing to do");
  await waitingJobs(cli, 3);
  const pool = cli.start("pool", "--max-workers", "1", "--lifetime", "2s", "--grace", "300ms");
  await started(cli, 1);
  expect(await pool.exited).toBe(0);
  const [row] = await db.sql`
    select (select count(*) from pdoflow.outcome)::int as outcomes,
           (select count(*) from pdoflow.lease where active)::int as held`;
  expect(row).toEqual({ outcomes: 0, held: 0 }); // killed by the grace: released unused
});

test("the end of a Slurm allocation: SIGTERM, a grace, and nothing is lost or used up", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await waitingJobs(cli, 10);
  const pool = cli.start("pool", "--max-workers", "2", "--grace", "500ms");
  await started(cli, 2);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
  await cli.write("go", "");
  expect((await cli.run("pool", "--max-workers", "2", "--once")).code).toBe(0);
  const [row] = await db.sql`
    select count(*)::int as n, max(attempt) as attempt from pdoflow.outcome where state = 'done'`;
  expect(row).toEqual({ n: 10, attempt: 1 });
});

test("standard input can name postings, or none", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.run("post", "fn.ts#fn", "--each", "1-2", "--no-check");
  const piped = (input: string, line: string) => cli.runWith({ input }, ...line.split(" "));
  const none = { code: 0, out: "", err: "standard input names no posting\n" };
  for (const line of ["cancel -", "pause -", "resume -", "unblock -", "set-priority - 5"]) {
    expect(await piped("\n", line)).toEqual(none);
  }
  expect((await piped("", "status -")).err).toEndWith(none.err);
  expect(await cli.run("cancel")).toMatchObject({ code: 2 });
  expect(await piped("1\n", "pause -")).toMatchObject({ code: 0, err: "posting 1 was paused\n" });
  expect((await piped("1/1\n", "explain -")).out).toStartWith("1/1 waits because its posting is");
  await cli.run("post", "fn.ts#fn", "--each", "1-2", "--no-check");
  expect(await cli.run("explain", "last:2")).toMatchObject({
    ...{ code: 2, err: expect.stringContaining('"last:2": expected one posting, found 2') },
  });
  expect((await piped("1 1\n", "explain -")).err).toContain(
    "standard input: expected one posting or job, found 2",
  );
});
