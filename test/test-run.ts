// One run of `bun test`: a single process or, with --parallel, a coordinator and its workers.
import { readFileSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ServerPaths, serverPaths } from "../src/db/settings/server-paths.ts";
import { isOldestWanted, oldestPlace } from "./oldest-server.ts";

/** `startMark` distinguishes two processes that had the same pid one after the other. */
export interface TestRun {
  pid: number;
  startMark: string;
}

/** The run that this process is part of. */
export function thisRun(): TestRun {
  const isWorker = process.env["BUN_TEST_WORKER_ID"] !== undefined;
  const pid = isWorker ? process.ppid : process.pid;
  const run = runOf(pid);
  if (run === null) throw new Error(`The test run (pid ${pid}) has ended. Start it again.`);
  return run;
}

/** The run whose first process is `pid`; null if that has ended. */
export function runOf(pid: number): TestRun | null {
  const startMark = startMarkOf(pid);
  return startMark === null ? null : { pid, startMark };
}

export const isOver = ({ pid, startMark }: TestRun): boolean => startMarkOf(pid) !== startMark;

/** When process `pid` started, in digits; null if it does not exist, or is a zombie. */
function startMarkOf(pid: number): string | null {
  if (process.platform !== "linux") return startMarkByPs(pid);
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The name of the program, in parentheses, may hold anything: state is the field after it.
  const [state = "Z", ...others] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  return state === "Z" ? null : (others[18] ?? null);
}

function startMarkByPs(pid: number): string | null {
  const { stdout } = Bun.spawnSync(["ps", "-o", "stat=,lstart=", "-p", String(pid)], {
    env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
  });
  const [, state = "Z", startedAt = ""] = /^(\S+)\s+(.*)/.exec(stdout.toString()) ?? [];
  return state.startsWith("Z") ? null : String(Date.parse(startedAt));
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}

/** The folder of a run's own, made by its server's keeper and removed when the run is over. */
export const folderOf = ({ pid, startMark }: TestRun): string =>
  join(memoryFolder() ?? tmpdir(), `pdoflow-test-${pid}-${startMark}`);

/**
 * Linux's folder in memory, if it has much room and programs may run there: a database is some
 * 300 files, and to make them on a disk is a quarter of the work of all tests. In containers it
 * often has 64 MiB only, or may hold no programs.
 */
function memoryFolder(): string | null {
  const folder = "/dev/shm";
  const mount = readIfThere("/proc/mounts")?.match(/^\S+ \/dev\/shm tmpfs (\S+)/m);
  if (!mount || mount[1]?.includes("noexec")) return null;
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize > 8 * 2 ** 30 ? folder : null;
}

/** Where the embedded server of a run lies. */
export function placeOf(run: TestRun): ServerPaths {
  const place = serverPaths({
    env: { PDOFLOW_DATA: join(folderOf(run), "server") },
    uid: process.getuid?.() ?? -1,
    platform: process.platform,
    home: "/nonexistent",
  });
  return isOldestWanted() ? oldestPlace(place) : place;
}
