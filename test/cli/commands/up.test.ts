import { expect, test } from "bun:test";

import { openCommands } from "../in-process.ts";
import { withoutServer } from "../../binary/connection/machine.ts";

test("if another server is configured, up says so and starts nothing", async () => {
  await using machine = withoutServer(await openCommands(null));
  const { code, err } = await machine.runWith(
    { env: { PDOFLOW_DATA: machine.data, PDOFLOW_DATABASE_URL: "postgres://me@127.0.0.1:1/db" } },
    "up",
  );
  expect(code).toBe(3);
  expect(err).toContain("PDOFLOW_DATABASE_URL");
  expect((await machine.run("down")).err).toContain("no embedded PostgreSQL is running");
});
