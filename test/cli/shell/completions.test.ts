import { expect, test } from "bun:test";
import { join } from "node:path";

import { openCommands } from "../in-process.ts";

test("asking for postings to complete starts no server, and does not wait for one", async () => {
  using cli = await openCommands(null);
  const none = await cli.runWith(
    { env: { PDOFLOW_DATABASE_URL: "", PDOFLOW_DATA: join(cli.folder, "data") } },
    "completions",
    "postings",
  );
  expect(none).toEqual({ code: 0, out: "", err: "" });
  expect(await Array.fromAsync(new Bun.Glob("data/**").scan(cli.folder))).toEqual([]);
  // Takes the connection and says nothing.
  using silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const url = `postgres://nobody@127.0.0.1:${silent.port}/none`;
  const late = await cli.runWith(
    { env: { PDOFLOW_DATABASE_URL: url, PGCONNECT_TIMEOUT: "3600" } }, // longer than this test
    "completions",
    "postings",
  );
  expect(late).toEqual({ code: 0, out: "", err: "" });
});
