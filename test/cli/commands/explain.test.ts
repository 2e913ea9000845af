import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../in-process.ts";

test("explain says why a job is not running, and how it ended", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "fn.ts",
    `export function fn(i: number) { if (i === 1) throw new RangeError("too far"); return i; }`,
  );
  const post = (...args: string[]) =>
    cli.runWith({ input: "[[0],[1]]" }, "post", "fn.ts#fn", "-", ...args);
  const explain = async (job: string) => (await cli.run("explain", job)).out;
  await post("--max-attempts", "1");
  expect(await explain("1/0")).toBe(
    "1/0 waits because no pool is running; start one with: pdoflow pool.\n",
  );
  await cli.run("pause", "1", "--reason", "lunch");
  expect(await explain("1/0")).toContain("its posting is paused (lunch)");
  await cli.run("resume", "1");
  await cli.run("pool", "--once", "--max-workers", "1");
  expect(await explain("1/0")).toBe("1/0 is done, after 1 attempt.\n");
  expect(await explain("1/1")).toMatch(
    /^1\/1 has permanently failed after 1 attempt; its last .* failed on \S+: RangeError: too far/,
  );
  await post("--needs", "gpu");
  await db.sql`update pdoflow.pool set state = 'up', heartbeat_at = now() + interval '1 hour'`;
  expect(await explain("2/0")).toBe(
    "2/0 waits because no pool provides gpu (1 live pool); " +
      "start one with: pdoflow pool --resource gpu=0.\n",
  );
  await post("--priority", "5");
  await post();
  expect(await explain("4/0")).toBe("4/0 waits behind 2 jobs of higher priority.\n");
  await cli.run("cancel", "3");
  // Not behind the two of posting 2, which no pool can run.
  expect(await explain("4/0")).toBe("4/0 waits for a free worker: it is next.\n");
  expect(await cli.run("explain", "9/9")).toMatchObject({ code: 4 });
  expect(await cli.run("explain", "nine")).toMatchObject({
    ...{ code: 4, err: expect.stringContaining("a posting would be 42, last or @nine") },
  });
});

test("explain of a posting reports its progress, and why none of its jobs runs", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "fn.ts",
    `export function fn(i: number) { if (i === 1) throw new RangeError("too far"); return i; }`,
  );
  const explain = async (posting: string) => (await cli.run("explain", posting)).out;
  const post = (...args: string[]) =>
    cli.runWith({ input: "[[0],[1]]" }, "post", "fn.ts#fn", "-", ...args);
  await post("--max-attempts", "1");
  expect(await explain("1")).toBe(
    "posting 1 waits because no pool is running; start one with: pdoflow pool. " +
      "None of its 2 jobs has ended.\n",
  );
  await cli.run("pool", "--once", "--max-workers", "1");
  expect(await explain("last")).toBe(
    "posting 1 has finished: 1 of its 2 jobs is done, 1 has failed. " +
      "See why: pdoflow failures 1.\n",
  );
  const stopping = ["--stop-after", "1", "--max-attempts", "3", "--backoff", "1h"];
  await cli.runWith({ input: "[[1],[1]]" }, "post", "fn.ts#fn", "-", ...stopping);
  await cli.run("pool", "--once", "--max-workers", "1");
  expect(await explain("2")).toMatch(
    /^posting 2 was stopped \(1 .*\); see why: pdoflow failures 2; .*: pdoflow resume 2; .*: pdoflow resume 2 --stop-after 0\. /,
  );
  await post("--name", "later", "--run-at", "2999-01-01T00:00:00Z");
  expect(await explain("@later")).toMatch(/^posting 3 starts in \d+ days\. None of its 2 jobs/);
  const json = JSON.parse((await cli.run("explain", "3", "--json")).out);
  expect(json).toMatchObject({ posting: 3, job: null, status: "open" });
  expect(await cli.run("explain", "9")).toMatchObject({ code: 4 });
});
