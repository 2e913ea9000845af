// What only the compiled program shows: TCP, its own exec, and the C library.
import { join } from "node:path";
import { expect, test } from "bun:test";

import { valuesOf } from "../../cli/health/health-port.ts";
import { listenForReports } from "../../cli/health/notify-listener.ts";
import { freshDatabase } from "../../database.ts";
import { freePort } from "../../free-port.ts";
import { openCli, until } from "../cli.ts";

test("the binary reports to its service manager and answers on a port", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  const at = join(cli.folder, "notify");
  using reports = listenForReports(at);
  const port = await freePort();
  const [program = ""] = cli.command;
  const pool = Bun.spawn([program, "pool", "--max-workers", "2", "--health", String(port)], {
    cwd: cli.folder,
    env: { ...cli.env, NOTIFY_SOCKET: at },
    ...{ stdin: "ignore", stdout: "ignore", stderr: "ignore" },
  });
  await reports.until("READY=1\nSTATUS=running: 0 of 2 workers busy");
  const page = async (path: string) =>
    await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  expect(await page("/readyz")).toBe("ok\n");
  expect(valuesOf(await page("/metrics")).get("pdoflow_pool_slots")).toBe(2);
  const check = () => cli.run("pool", "--health-check", `${port}/livez`);
  expect(await check()).toEqual({ code: 0, out: "", err: "pool: ok\n" });
  pool.kill("SIGTERM");
  await reports.until("STOPPING=1");
  expect(await pool.exited).toBe(0);
  await until("the port to close", async () => (await check()).code === 1);
}, 60_000);
