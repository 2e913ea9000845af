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
