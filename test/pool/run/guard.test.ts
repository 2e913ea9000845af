import { readFileSync } from "node:fs";
import { expect, test } from "bun:test";

import { Guard, guardPauseMs } from "../../../src/pool/run/guard.ts";
import { program } from "../../cli/in-process.ts";
import { until } from "../../db/locks.ts";
import { descendantsOf } from "../../process-tree.ts";

/** The guards beside this process. */
const guards = (): number[] =>
  descendantsOf(process.pid).filter((pid) => commandOf(pid).endsWith("\0guard\0"));

/** Empty for a process that has ended. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

test.skipIf(process.platform !== "linux")(
  "a guard that was killed is replaced by one that knows all workers",
  async () => {
    const lines: string[] = [];
    const guard = new Guard(program, (line) => lines.push(line));
    const start = () => {
      const watched = guard.watch();
      const child = Bun.spawn(["sleep", "300"], { env: watched.mark, detached: true });
      return { watched, child };
    };
    const [first, second] = [start(), start()];
    const [killed = 0] = guards();
    process.kill(killed, "SIGKILL");
    first.watched.ended();
    await until("another guard", () => guards().some((pid) => pid !== killed));
    second.watched.ended();
    await Promise.all([first.child.exited, second.child.exited]);
    expect([first.child.signalCode, second.child.signalCode]).toEqual(["SIGKILL", "SIGKILL"]);
    expect(lines).toEqual([
      "the guard, which ends processes that jobs leave behind, was killed by SIGKILL; " +
        "starting another in 0.25 s",
    ]);
    await guard.close();
    expect(guards()).toEqual([]);
  },
);

test("guards that end one after the other are replaced less and less often", () => {
  expect([1, 2, 3, 7, 8, 1_000].map(guardPauseMs)).toEqual([250, 500, 1e3, 16e3, 30e3, 30e3]);
});
