import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";

import { exitCodes, hasCode, PdoflowError } from "../domain/errors.ts";
import type { ServerPaths } from "../db/settings/server-paths.ts";

/** A server was asked to stop and did not. */
export class ServerDidNotStop extends PdoflowError {
  override readonly name = "ServerDidNotStop";
  readonly exitCode = exitCodes.database;
  constructor(pid: number, log: string) {
    super(
      `PostgreSQL (pid ${pid}) was asked to stop and did not stop within ${stopMs / 1000} s. Its ` +
        `log is ${log}. To stop it at once (it recovers at its next start), run: kill -QUIT ${pid}`,
    );
  }
}

const stopMs = 60_000;

/** The postmaster of `paths`: the process that starts all others of its server. */
export interface Postmaster {
  pid: number;
  ready: boolean;
}

/**
 * The live postmaster, if any. Its pid file alone proves nothing: it outlives kill -9, and another
 * process may then get the pid.
 */
export function findPostmaster({ data }: ServerPaths): Postmaster | undefined {
  const lines = readIfThere(join(data, "postmaster.pid"))?.split("\n") ?? [];
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0 || !serves(pid, data)) return undefined;
  return { pid, ready: lines[7]?.trim() === "ready" };
}

/** Whether `pid` is a postmaster on the folder `data`. */
function serves(pid: number, data: string): boolean {
  if (process.platform !== "linux") return commandLineOf(pid).includes(`postgres -D ${data} `);
  const [program = "", ...args] = (readIfThere(`/proc/${pid}/cmdline`) ?? "").split("\0");
  // Its children write other titles there, as in "postgres: checkpointer".
  if (basename(program) !== "postgres") return false;
  const at = args.indexOf("-D");
  const named = args[at + 1];
  return at < 0 || named === undefined || isSameFolder(named, data);
}

function commandLineOf(pid: number): string {
  try {
    return execFileSync("ps", ["-ww", "-o", "args=", "-p", String(pid)], { encoding: "utf8" });
  } catch (error) {
    if (error instanceof Error && "status" in error && error.status === 1) return ""; // no such pid
    throw error;
  }
}

function isSameFolder(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

/**
 * The text of a file of the system; undefined if it does not exist, or if its process just ended.
 */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
}

/**
 * Removes the files of a killed postmaster. PostgreSQL itself refuses to start while any process
 * has the pid in these files. Its last interlock stays: shared memory that children of the dead
 * postmaster still have. Call it inside `alone`, when `findPostmaster` found none.
 */
export function removeStaleFiles({ data, socketFolder, address }: ServerPaths): void {
  const socket = join(socketFolder, `.s.PGSQL.${address.port}`);
  for (const file of [join(data, "postmaster.pid"), socket, `${socket}.lock`]) {
    rmSync(file, { force: true });
  }
}

/**
 * Stops the server of `paths` if one runs: no new connections, open transactions are rolled back.
 * Returns whether one ran. Call it inside `alone`.
 *
 * @throws {ServerDidNotStop}
 */
export async function stopPostmaster(paths: ServerPaths): Promise<boolean> {
  const postmaster = findPostmaster(paths);
  if (!postmaster) return false;
  process.kill(postmaster.pid, "SIGINT");
  const giveUpAt = performance.now() + stopMs;
  while (findPostmaster(paths)) {
    if (performance.now() > giveUpAt) throw new ServerDidNotStop(postmaster.pid, paths.log);
    await Bun.sleep(10);
  }
  return true;
}
