import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { documentOf } from "./json.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";

test("limits are set, kept and lifted, and apply to later claims", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([1, 2, 4], "--max-rate", "10/m");
  const set = async (...args: string[]) => {
    const { out } = await cli.run("set-limit", ...args, "--json");
    return documentOf("set-limit", out).postings;
  };
  expect(await set("1", "--max-running", "2")).toMatchObject([
    { id: 1, maxRunning: 2, maxRate: "10/m" },
  ]);
  const [room] = await db.sql`select jobs from pdoflow.limit_room(1)`;
  expect(room).toEqual({ jobs: 2 });
  expect(await set("1", "--max-rate", "none")).toMatchObject([
    { id: 1, maxRunning: 2, maxRate: null },
  ]);
  expect(await set("--state", "open", "--max-running", "none", "--max-rate", "5/h")).toMatchObject([
    { id: 1, maxRunning: null, maxRate: "5/h" },
  ]);
  expect((await cli.run("set-limit", "1", "--max-rate", "none")).err).toBe(
    "posting 1: max running none, max rate none, stop after none, max failures none, " +
      "max attempts 1, backoff 1s, timeout none\n",
  );
  await cli.drain();
  await cli.post([1]);
  await cli.run("cancel", "2");
  expect((await cli.run("set-limit", "2", "--max-running", "1")).err).toBe(
    "posting 2 is cancelled: not changed\n",
  );
  expect(await cli.run("set-limit", "1")).toMatchObject({ code: 2 });
  expect(await cli.run("set-limit", "1", "--max-running", "0")).toMatchObject({ code: 2 });
  const refused = async (option: string) =>
    (await cli.run("set-limit", "1", option, "x")).err.replace(/^pdoflow set-limit: /, "");
  expect(await refused("--max-running")).toStartWith(
    "--max-running: expected a whole number from 1 to 2147483647, found ",
  );
  expect(await refused("--max-rate")).toStartWith(
    "--max-rate: expected a rate such as 10/s, 100/m or 1000/h, found ",
  );
  expect(await refused("--timeout")).toStartWith(
    "--timeout: expected a duration such as 500ms, 2s or 5m, found ",
  );
});

test("set-posting-status pauses, resumes and cancels", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([1]);
  await cli.post([1]);
  const set = async (to: string, ...args: string[]) => {
    const { out } = await cli.run("set-posting-status", ...args, to, "--json");
    return documentOf("set-posting-status", out).postings.map(({ state }) => state);
  };
  expect(await set("paused", "1", "2")).toEqual(["paused", "paused"]);
  expect(await set("executing", "1")).toEqual(["open"]);
  expect(await set("errored_out", "1")).toEqual(["errored_out"]);
  const several = ["set-posting-status", "1", "2", "cancelled"];
  expect(await cli.run(...several)).toMatchObject({
    code: 2,
    err: expect.stringContaining("would cancel 2 postings"),
  });
  expect(await set("cancelled", "1", "2", "--yes")).toEqual(["cancelled", "cancelled"]);
  expect(await cli.run("set-posting-status", "1")).toMatchObject({ code: 2 });
  expect(await cli.run("set-posting-status", "1", "done")).toMatchObject({
    code: 2,
    err: expect.stringContaining("expected open, paused, errored_out or cancelled"),
  });
});

test("priority-stats counts the waiting jobs of each priority", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([1, 2, 3]);
  await cli.post([1], "--priority", "5");
  await cli.post([1, 2], "--priority", "5");
  await cli.post([1, 2]);
  await cli.run("pause", "4");
  const { out } = await cli.run("priority-stats", "--json");
  expect(documentOf("priority-stats", out).priorities).toEqual([
    { priority: 5, postings: 2, waiting: 3 },
    { priority: 0, postings: 1, waiting: 3 },
  ]);
  expect((await cli.run("priority-stats")).out).toBe(
    "priority  postings  waiting\n5                2        3\n0                1        3\n",
  );
});

test("set-priority moves waiting jobs and retries before or behind others", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([1, 2]);
  await cli.post([3, 4], "--priority", "5");
  const set = async (...args: string[]) => {
    const { out } = await cli.run("set-priority", ...args, "--json");
    return documentOf("set-priority", out).postings;
  };
  expect(await set("1", "7")).toEqual([{ id: 1, state: "open", isChanged: true }]);
  const stats = async () => {
    const { out } = await cli.run("priority-stats", "--json");
    return documentOf("priority-stats", out).priorities;
  };
  expect(await stats()).toEqual([
    { priority: 7, postings: 1, waiting: 2 },
    { priority: 5, postings: 1, waiting: 2 },
  ]);
  expect(await set("1", "-3")).toMatchObject([{ isChanged: true }]); // not taken for an option
  expect((await stats()).map(({ priority }) => priority)).toEqual([5, -3]);
  expect(await cli.run("set-priority", "1", "2", "0")).toMatchObject({
    code: 2,
    err: expect.stringContaining("would give 2 postings priority 0"),
  });
  expect(await set("1", "2", "0", "--yes")).toHaveLength(2);
  expect(await cli.run("set-priority", "1", "high")).toMatchObject({
    code: 2,
    err: expect.stringContaining("expected a whole number"),
  });
  expect(await cli.run("set-priority", "1")).toMatchObject({ code: 2 });
  expect(await cli.run("set-priority", "9", "1")).toMatchObject({ code: 4 });
  await cli.drain();
  expect((await cli.run("set-priority", "1", "1")).err).toBe(
    "posting 1 is finished: not changed\n",
  );
});
