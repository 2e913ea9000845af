import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";

test("logs reports that no output is kept", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([1]); // that of failures alone is kept
  await cli.drain();
  expect(await cli.run("logs", "1")).toEqual({
    ...{ code: 0, out: "" },
    err:
      "no output is stored for these jobs: only that of failed jobs is, unless you post with " +
      "--output all\n",
  });
  await cli.post([1], "fn.ts#quick", "--output", "all");
  expect((await cli.run("logs", "2")).err).toBe("none of these jobs has ended\n");
  await cli.drain();
  expect((await cli.run("logs", "2")).err).toBe("these jobs printed nothing\n");
});

test("logs, failures and execute-job show the causes of an error", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.write(
    "wrap.ts",
    `export function wrap() {
      const refused = new Error("connection refused");
      const all = new AggregateError([refused, new TypeError("no address")], "no host");
      throw new Error("fetch failed", { cause: all });
    }`,
  );
  await cli.run("post", "wrap.ts#wrap", "--no-args", "--max-attempts", "1");
  await cli.drain();
  const parts = [
    /fetch failed\n +at wrap/,
    /caused by AggregateError: no host\n +at wrap/,
    /caused by Error: connection refused\n +at wrap/,
    /caused by TypeError: no address\n +at wrap/,
  ];
  const { out: logs } = await cli.run("logs", "1");
  const { err: executed } = await cli.run("execute-job", "1/0");
  for (const part of parts) {
    expect(logs).toMatch(part);
    expect(executed).toMatch(part);
  }
  expect((await cli.run("failures", "1")).out).toMatch(
    /: fetch failed, at .*\n {2}caused by AggregateError: no host\n {2}caused by Error: conn/,
  );
  await cli.write("wrap.ts", "export function wrap( {");
  await cli.run("post", "wrap.ts#wrap", "--no-args", "--max-attempts", "1", "--no-check");
  await cli.drain();
  expect((await cli.run("failures", "2")).out).not.toContain("caused by BuildMessage");
});
