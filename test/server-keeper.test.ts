import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { serverState } from "../src/server/server.ts";
import { folderOf, placeOf, runOf, type TestRun } from "./test-run.ts";

/** A process that stands for a run of tests: it waits to be killed. */
function startRun(): { child: Bun.Subprocess; run: TestRun } {
  const child = Bun.spawn(["sleep", "1000"]);
  const run = runOf(child.pid);
  if (run === null) throw new Error("sleep has ended");
  return { child, run };
}

const startKeeper = ({ pid, startMark }: TestRun) =>
  Bun.spawn([process.execPath, join(import.meta.dir, "server-keeper.ts"), String(pid), startMark], {
    stdio: ["ignore", "pipe", "inherit"],
  });

async function saysReady({ stdout }: ReturnType<typeof startKeeper>): Promise<boolean> {
  const { value } = await stdout.getReader().read();
  return new TextDecoder().decode(value) === "ready\n";
}

test("a run that is killed leaves no server and no files", async () => {
  const { child, run } = startRun();
  const keeper = startKeeper(run);
  expect(await saysReady(keeper)).toBe(true);
  expect(serverState(placeOf(run)).kind).toBe("running");

  const second = startKeeper(run);
  expect(await saysReady(second)).toBe(true);
  expect(await second.exited).toBe(0);
  expect(serverState(placeOf(run)).kind).toBe("running");

  child.kill("SIGKILL");
  expect(await keeper.exited).toBe(0);
  expect(serverState(placeOf(run)).kind).toBe("stopped");
  expect(existsSync(folderOf(run))).toBe(false);
});

test("nor does one that is killed while its server starts", async () => {
  const { child, run } = startRun();
  const keeper = startKeeper(run);
  const deadline = performance.now() + 20_000;
  while (!existsSync(folderOf(run)) && performance.now() < deadline) await Bun.sleep(5);
  child.kill("SIGKILL");
  expect(await keeper.exited).toBe(0);
  expect(serverState(placeOf(run)).kind).toBe("stopped");
  expect(existsSync(folderOf(run))).toBe(false);
});
