import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { until } from "../cli.ts";
import { documentOf } from "../../cli/commands/json.ts";
import { openQueueCli } from "../queue-cli.ts";
import { inTerminal } from "../top/terminal.ts";

test("wait ends when the jobs have: 0 where all are done, 1 where some failed", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([1, 2], "fn.ts#quick");
  await cli.post([1, 3, 7]);
  const waiting = cli.run("wait", "1", "2", "--json");
  await cli.drain();
  const both = await waiting;
  expect(both.code).toBe(1);
  expect(documentOf("wait", both.out)).toMatchObject({
    end: "ended",
    postings: [
      { id: 1, state: "finished", jobs: { done: 2, failed: 0 } },
      { id: 2, state: "finished", jobs: { done: 1, failed: 2 } },
    ],
  });
  const one = await cli.run("wait", "2");
  expect(one).toMatchObject({ code: 1, out: "" });
  expect(one.err).toBe("posting 2 is finished: 1 done, 2 failed; why: pdoflow failures 2\n");
  expect(await cli.run("wait", "1")).toMatchObject({ code: 0, out: "" });
  expect(await cli.run("wait", "9")).toMatchObject({ code: 4 });
});

test("wait --timeout ends with 124, --any with the first, --until with a part", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([1, 2], "fn.ts#quick");
  await cli.drain();
  await cli.post([1, 2, 3, 4], "fn.ts#quick");
  const late = await cli.run("wait", "1", "2", "--timeout", "300ms", "--json");
  expect(late.code).toBe(124);
  expect(documentOf("wait", late.out)).toMatchObject({ end: "timed out" });
  expect(documentOf("message", late.err).message).toBe("these postings continue: 2");
  expect(await cli.run("wait", "2", "1", "--any")).toMatchObject({ code: 0 });
  await db.sql`
    insert into pdoflow.progress (posting_id, done) values (2, 3)`; // three of four
  expect(await cli.run("wait", "2", "--until", "75%")).toMatchObject({ code: 0 });
  expect(await cli.run("wait", "2", "--until", "76%", "--timeout", "1ms")).toMatchObject({
    code: 124,
  });
  expect(await cli.run("wait", "2", "--until", "75")).toMatchObject({ code: 2 });
});

test("a posting that was stopped for its failures ends the wait: it would never end", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  const id = await cli.post([1]);
  await db.sql`update pdoflow.posting set state = 'errored_out', reason = 'too bad'`;
  const { code, err } = await cli.run("wait", String(id));
  expect(code).toBe(1);
  expect(err).toContain("too bad; resume with: pdoflow resume 1");
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("on %s wait ends with %p, and the posting goes on", async (signal, code) => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([1]);
  const child = cli.start("wait", "1");
  await until("it waits", async () => {
    const rows = await db.sql`
      select from pg_stat_activity where datname = current_database() and query ~* '^listen'`;
    return rows.length > 0;
  });
  child.kill(signal);
  expect(await child.exited).toBe(code);
  expect(await child.stderr.text()).toBe("pdoflow wait: these postings continue: 1\n");
  expect((await db.sql`select from pdoflow.posting where state = 'open'`).length).toBe(1);
});

test("a lost connection is waited out", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([1], "fn.ts#quick");
  const waiting = cli.run("wait", "1");
  const cut = async () => {
    const rows = await db.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and query ~* '^listen'`;
    return rows.length > 0;
  };
  await until("its connections are cut", cut);
  await cli.drain();
  expect(await waiting).toMatchObject({ code: 0 });
});

test("a terminal sees how far it is, once it has taken two seconds", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([1, 2, 3, 4], "fn.ts#quick");
  await db.sql`insert into pdoflow.progress (posting_id, done) values (1, 1)`;
  const screen = await inTerminal({ env: cli.env, cwd: cli.folder }, "wait", "1");
  await screen.shown("[#####---------------] 25.0 % of 4 jobs");
  await db.sql`insert into pdoflow.progress (posting_id, done) values (1, 1)`;
  await screen.shown("50.0 % of 4 jobs, 0.");
  await db.sql`delete from pdoflow.progress`;
  await cli.drain();
  expect(await screen.exited).toBe(0);
  expect(screen.screen()).toContain("posting 1 is finished: 4 done");
}, 30_000);

test("wait takes jobs, too, and ends when these have", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([3, 1]);
  await cli.drain();
  await db.sql`delete from pdoflow.outcome where seq = 1`; // as if the second one still ran
  await db.sql`
    update pdoflow.posting set state = 'open', ended_at = null, done = 0, failed = 0`;
  await db.sql`update pdoflow.lease set active = true`;
  const { code, out } = await cli.run("wait", "1/0", "--json");
  expect(code).toBe(1);
  expect(documentOf("wait", out).postings).toMatchObject([
    { id: 1, isEnded: true, jobs: { failed: 1, done: 0, running: 0 } },
  ]);
  expect(await cli.run("wait", "1/1", "--timeout", "200ms")).toMatchObject({ code: 124 });
  expect(await cli.run("wait", "1/2")).toMatchObject({
    code: 4,
    err: expect.stringContaining("no job 1/2"),
  });
});

test("--quiet shows no progress, also where that was asked for", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  const post = (...args: string[]) =>
    cli.runWith(
      { input: "[[1],[2]]" },
      "post",
      "fn.ts#fn",
      "-",
      "--no-check",
      "--progress",
      ...args,
    );
  expect((await post("--quiet")).err).toBe("");
});

test("a posting of a run is not retried: no pool would take it", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  expect(await cli.runWith({ input: "x" }, "run", "--", "false")).toMatchObject({ code: 1 });
  const { code, err } = await cli.run("retry", "last", "--failed");
  expect(code).toBe(2);
  expect(err).toContain('posting 1 belongs to a finished "pdoflow run"');
});

test("migrate tells its steps as JSON", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await db.sql`drop schema pdoflow cascade`;
  const would = await cli.run("migrate", "--dry-run", "--json");
  const { isDryRun, applied } = documentOf("migrate", would.out);
  expect([isDryRun, applied[0]]).toEqual([true, "0001_queue"]);
  expect(documentOf("migrate", (await cli.run("migrate", "--json")).out).applied).toEqual(applied);
  expect(documentOf("migrate", (await cli.run("migrate", "--json")).out).applied).toEqual([]);
});
