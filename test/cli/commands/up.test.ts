import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Ended } from "../../binary/cli.ts";
import { openCommands } from "../in-process.ts";

/** The binary with a data folder of its own and no server configured. */
async function machineWithoutServer() {
  const cli = await openCommands(null);
  const data = join(tmpdir(), `pdoflow-embedded-${crypto.randomUUID()}`);
  const run = (...args: string[]): Promise<Ended> =>
    cli.runWith({ env: { PDOFLOW_DATA: data } }, ...args);
  return {
    ...cli,
    data,
    run,
    async [Symbol.asyncDispose]() {
      await run("down");
      rmSync(data, { recursive: true, force: true });
      cli[Symbol.dispose]();
    },
  };
}

test("where another server is configured, up says so and starts nothing", async () => {
  await using machine = await machineWithoutServer();
  const { code, err } = await machine.runWith(
    { env: { PDOFLOW_DATA: machine.data, PDOFLOW_DATABASE_URL: "postgres://me@127.0.0.1:1/db" } },
    "up",
  );
  expect(code).toBe(3);
  expect(err).toContain("PDOFLOW_DATABASE_URL");
  expect((await machine.run("down")).err).toContain("no embedded PostgreSQL is running");
});
