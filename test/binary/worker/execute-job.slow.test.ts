import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { freePort } from "../../free-port.ts";
import { said, until } from "../cli.ts";
import { documentOf } from "../../cli/commands/json.ts";
import { openQueueCli } from "../queue-cli.ts";

test("a job is executed here, with its output, whatever its state, and nothing is recorded", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([5, 3]);
  const done = await cli.run("execute-job", "1/0");
  expect(done).toMatchObject({ code: 0, out: "job 5\n" });
  expect(done.err).toMatch(/^job 1\/0: done in [\d.]+ ms, returned \{"i":5,"half":2.5\}\nnothing/);
  const failed = await cli.run("execute-job", "1/1");
  expect(failed).toMatchObject({ code: 1, out: "job 3\n" });
  expect(failed.err).toMatch(/failed after [\d.]+ ms: RangeError: 3 is too far\n +at .*fn\.ts/);
  expect(await db.sql`select 1 from pdoflow.outcome union all select 1 from pdoflow.lease`).toEqual(
    expect.objectContaining({ length: 0 }),
  );
  await cli.drain();
  expect((await cli.run("execute-job", "last/1")).code).toBe(1); // ended, and once more
  const { code, out, err } = await cli.run("execute-job", "1/0", "--json");
  expect(code).toBe(0);
  expect(documentOf("execute-job", out)).toMatchObject({
    job: "1/0",
    result: { i: 5 },
    error: null,
  });
  expect(err).toContain("job 5\n"); // stdout has the document alone
});

test("with --inspect it waits for a debugger, and a signal ends it", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([5]);
  const address = `127.0.0.1:${await freePort()}`;
  const child = cli.start("execute-job", "1/0", `--inspect=${address}`);
  await said(child, `waiting for a debugger: https://debug.bun.sh/#${address}/pdoflow`);
  const connects = () =>
    new Promise<boolean>((resolve) => {
      const socket = new WebSocket(`ws://${address}/pdoflow`);
      socket.addEventListener("open", () => {
        socket.close();
        resolve(true);
      });
      socket.addEventListener("error", () => resolve(false));
    });
  await until("a debugger to connect", connects);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(143);
});
