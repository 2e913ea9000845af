import { closeSync, copyFileSync, openSync, readFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";

import { exitCodes, PdoflowError, messageOf } from "../domain/errors.ts";
import type { ServerPaths } from "../db/settings/server-paths.ts";
import { restrictAccess } from "./access.ts";
import type { Accounts } from "./account.ts";
import { findPostmaster, removeStaleFiles } from "./postmaster.ts";
import { probe } from "./probe.ts";
import { ProgramFailed, serverProcess } from "./run.ts";

/** PostgreSQL ended while starting, or does not accept queries. */
export class ServerDidNotStart extends PdoflowError {
  override readonly name = "ServerDidNotStart";
  readonly exitCode = exitCodes.database;
  constructor(log: string, said: string) {
    super(
      `PostgreSQL did not start. The end of ${log}:\n${said}\n` +
        `Correct the fault that it names, or set PDOFLOW_DATA to another folder.`,
    );
  }
}

/** PostgreSQL runs, but does not answer at its address. */
export class ServerUnreachable extends PdoflowError {
  override readonly name = "ServerUnreachable";
  readonly exitCode = exitCodes.database;
  constructor({ socketFolder, log }: ServerPaths, pid: number) {
    super(
      `PostgreSQL runs (pid ${pid}) and should answer at its socket in ${socketFolder}, but does ` +
        `not. Its log is ${log}. If the socket was removed, stop the server, and the next ` +
        `command starts it again: kill -INT ${pid}`,
    );
  }
}

/** How long children of a killed server may continue. They notice between two steps of a query. */
const childrenMs = 30_000;
/** Recovery after a crash reads up to max_wal_size of log. */
const recoveryMs = 600_000;
/** How long a server that reports that it is ready may take to answer. */
const answerMs = 10_000;
const slowMs = 3000;
const logBytesMax = 10_000_000;

/**
 * Starts the server and waits until it accepts queries; also waits for a server that another
 * process started, or for one that is stopping. Call it inside `alone`.
 *
 * @throws {ServerDidNotStart} with the end of its log.
 * @throws {ServerUnreachable}
 * @throws {ProgramFailed} its program could not be run.
 */
export async function start(
  paths: ServerPaths,
  accounts: Accounts,
  onProgress: (sentence: string) => void,
): Promise<void> {
  const giveUpAt = performance.now() + childrenMs;
  for (;;) {
    const logBytes = statSync(paths.log, { throwIfNoEntry: false })?.size ?? 0;
    const child = findPostmaster(paths) ? undefined : launch(paths, accounts);
    const isRunning = () => isAlive(child) || findPostmaster(paths) !== undefined;
    if (await becomesReady(paths, isRunning, onProgress)) return;
    if (!child) continue; // it was stopping
    const said = readFileSync(paths.log).subarray(logBytes).toString().trim();
    const children = said.includes("is still in use"); // the shared memory of a killed server
    if (!children || performance.now() > giveUpAt) throw new ServerDidNotStart(paths.log, said);
    await Bun.sleep(100);
  }
}

const isAlive = (child: Bun.Subprocess | undefined): boolean =>
  child !== undefined && child.exitCode === null && child.signalCode === null;

function launch(paths: ServerPaths, accounts: Accounts): Bun.Subprocess {
  removeStaleFiles(paths);
  const program = join(paths.program, "bin/postgres");
  const access = restrictAccess(paths, accounts);
  const log = openSync(paths.log, "a", 0o600);
  try {
    const child = Bun.spawn([program, "-D", paths.data, ...access], {
      ...serverProcess(accounts),
      detached: true, // a separate session: Ctrl-C in our terminal is not meant for it
      stdio: ["ignore", log, log],
    });
    child.unref();
    return child;
  } catch (error) {
    throw new ProgramFailed(program, accounts.server.name, messageOf(error));
  } finally {
    closeSync(log);
  }
}

async function becomesReady(
  paths: ServerPaths,
  isRunning: () => boolean,
  onProgress: (sentence: string) => void,
): Promise<boolean> {
  const startedAt = performance.now();
  let readyAt = Infinity;
  let isLogged = false;
  while (isRunning()) {
    const now = performance.now();
    const postmaster = findPostmaster(paths);
    // Each probe of a server that is not ready writes a line to its log.
    if (postmaster?.ready) {
      if ((await probe(paths.address)) === "accepts") return true;
      readyAt = Math.min(readyAt, now);
    }
    if (now - readyAt > answerMs || now - startedAt > recoveryMs) {
      throw new ServerUnreachable(paths, postmaster?.pid ?? 0);
    }
    if (now - startedAt > slowMs && !isLogged) {
      onProgress(`waiting for PostgreSQL, which may be recovering from a crash: ${paths.log}`);
      isLogged = true;
    }
    await Bun.sleep(10);
  }
  return false;
}

/**
 * Limits the log: beyond 10 MB it becomes server.log.old. A running server appends, so it continues
 * in the new file.
 */
export function boundLog({ log }: ServerPaths): void {
  if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) <= logBytesMax) return;
  copyFileSync(log, `${log}.old`);
  truncateSync(log);
}
