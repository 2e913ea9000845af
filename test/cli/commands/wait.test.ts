import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { said, until } from "../../binary/cli.ts";
import { documentOf } from "./json.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";

test("wait ends when the jobs have: 0 if all are done, 1 if some failed", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
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
  using cli = await openQueueCommands(db);
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
  using cli = await openQueueCommands(db);
  const id = await cli.post([1]);
  await db.sql`update pdoflow.posting set state = 'errored_out', reason = 'too bad'`;
  const { code, err } = await cli.run("wait", String(id));
  expect(code).toBe(1);
  expect(err).toContain("too bad; resume with: pdoflow resume 1");
});

test("a lost connection is waited out", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
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

test("wait also accepts jobs, and exits when they have ended", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([3, 1]);
  await cli.drain();
  // As if the second one still ran.
  await db.sql`
    update pdoflow.outcome_run
    set end_seq = 1, offsets_ms = offsets_ms[:1], durations_us = durations_us[:1], worker_pids = '{1}',
        errors = split_part(errors, e'\\n', 1)
    where first_seq = 0`;
  await db.sql`delete from pdoflow.outcome_run where first_seq = 1`;
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

test("--quiet shows no progress, even with --progress", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
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

test("migrate reports its steps as JSON", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await db.sql`drop schema pdoflow cascade`;
  const would = await cli.run("migrate", "--dry-run", "--json");
  const { isDryRun, applied } = documentOf("migrate", would.out);
  expect([isDryRun, applied[0]]).toEqual([true, "0001_queue"]);
  expect(documentOf("migrate", (await cli.run("migrate", "--json")).out).applied).toEqual(applied);
  expect(documentOf("migrate", (await cli.run("migrate", "--json")).out).applied).toEqual([]);
});

test("wait says that a posting is paused, and how to resume it", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([1], "--name", "night");
  await cli.run("pause", "1");
  const wait = cli.start("wait", "1");
  await said(wait, "posting 1 is paused");
  await cli.run("cancel", "1");
  expect(await wait.exited).toBe(0);
  await cli.post([1], "--key", "nightly");
  await cli.run("pause", "2");
  const post = cli.start("post", "fn.ts#fn", "--args", "1", "--key", "nightly", "--wait");
  await said(post, "resume it with: pdoflow resume 2");
  await cli.run("cancel", "2");
  await post.exited;
});

test("a posting that the queue cancelled is a failure; one that a person cancelled is none", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  for (let id = 1; id <= 3; id++) await cli.post([1, 2], "fn.ts#quick");
  await db.sql`update pdoflow.posting set deadline = now() where id = 1`;
  await db.sql`update pdoflow.posting set start_by = now() where id = 2`;
  await db.sql`select pdoflow.expire_due(), pdoflow.expire_unbegun(null)`;
  await db.sql`select pdoflow.cancel(array[3])`;
  expect(await cli.run("wait", "1")).toMatchObject({
    ...{ code: 1, err: expect.stringMatching(/^posting 1 is cancelled \(.+\): 2 cancelled\n$/) },
  });
  expect(await cli.run("wait", "2/0")).toMatchObject({ code: 1 });
  expect(await cli.run("wait", "3", "2", "--json")).toMatchObject({ code: 1 });
  expect(await cli.run("wait", "3")).toMatchObject({ code: 0 });
});
