import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { documentsOf } from "../../cli/commands/json.ts";
import { openQueueCli } from "../queue-cli.ts";

test("logs prints the output of jobs, and their errors", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([1, 3, 7], "--output", "all");
  await cli.drain();
  expect((await cli.run("logs", "1/0")).out).toBe("job 1\n");
  const { out } = await cli.run("logs", "1/1");
  expect(out).toStartWith(
    "==> 1/1 stdout <==\njob 3\n==> 1/1 error <==\nRangeError: 3 is too far\n",
  );
  expect(out).toMatch(/\n +at fn \(.*fn\.ts:4:\d+\)\n$/); // and nothing of what called it
  const failed = (await cli.run("logs", "1", "--failed")).out;
  expect([...failed.matchAll(/^==> (.*) <==$/gm)].map(([, title]) => title)).toEqual([
    "1/1 stdout",
    "1/1 error",
    "1/2 stdout",
    "1/2 error",
  ]);
  expect(documentsOf("logs", (await cli.run("logs", "1", "--json")).out)).toMatchObject([
    { job: "1/0", attempt: 1, status: "done", stdout: "job 1\n", error: null },
    { job: "1/1", error: { name: "RangeError" } },
    { job: "1/2" },
  ]);
  expect(await cli.run("logs", "1", "--failed", "--state", "done")).toMatchObject({ code: 2 });
});
