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
    err: "no output is stored for these jobs\n",
  });
});
