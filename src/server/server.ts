import { existsSync } from "node:fs";

import type { ServerAddress, ServerPaths } from "../db/settings/server-paths.ts";
import { findAccounts } from "./account.ts";
import {
  FolderUnusable,
  isSocketFolderPrivate,
  prepareFolder,
  handOver,
  prepareSocketFolder,
  removeDrafts,
} from "./folders.ts";
import { claimForHost } from "./host.ts";
import { initialise } from "./initialise.ts";
import { alone } from "./lock.ts";
import { findPostmaster, stopPostmaster } from "./postmaster.ts";
import { probe } from "./probe.ts";
import { unpackProgram } from "./program.ts";
import { boundLog, start } from "./start.ts";

/** Whether a server runs, and its first process. */
export type ServerState = { kind: "running"; pid: number } | { kind: "stopped" };

/**
 * Makes sure that the embedded server of `paths` runs and accepts queries, and returns how to
 * connect. The first time, it unpacks PostgreSQL and creates the database, in about two seconds;
 * `onProgress` gets a sentence for each step. The server outlives this process, and any number of
 * processes may call this at once.
 *
 * @throws {PdoflowError} one of the errors in this folder: each message has a remedy.
 */
export async function ensureServer(
  paths: ServerPaths,
  { onProgress = () => {} }: { onProgress?: (sentence: string) => void } = {},
): Promise<ServerAddress> {
  return await explained(paths, async () => {
    if (await runs(paths)) return paths.address;
    const accounts = findAccounts(paths);
    prepareFolder(paths, accounts);
    return await alone(paths.lock, async () => {
      if (await runs(paths)) return paths.address;
      removeDrafts(paths);
      if (accounts.caller.uid === 0 && !findPostmaster(paths)) handOver(paths, accounts);
      prepareSocketFolder(paths, accounts);
      await unpackProgram(paths, onProgress);
      await initialise(paths, accounts, onProgress);
      claimForHost(paths);
      await start(paths, accounts, onProgress);
      return paths.address;
    });
  });
}

async function runs(paths: ServerPaths): Promise<boolean> {
  if (!isSocketFolderPrivate(paths) || (await probe(paths.address)) !== "accepts") return false;
  boundLog(paths);
  return true;
}

/**
 * Stops the embedded server of `paths` and ends its connections. Returns whether one ran.
 *
 * @throws {ServerDidNotStop} after a minute.
 */
export async function stopServer(paths: ServerPaths): Promise<boolean> {
  return await explained(paths, async () => {
    if (!existsSync(paths.data)) return false;
    return await alone(paths.lock, () => stopPostmaster(paths));
  });
}

/** Whether the embedded server of `paths` runs. Cheap, and changes nothing. */
export function serverState(paths: ServerPaths): ServerState {
  const postmaster = findPostmaster(paths);
  return postmaster ? { kind: "running", pid: postmaster.pid } : { kind: "stopped" };
}

/** An error of the file system is for the user to fix, not a fault of ours. */
async function explained<T>(paths: ServerPaths, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isSystemError = error instanceof Error && "syscall" in error;
    throw isSystemError ? new FolderUnusable(paths.folder, error) : error;
  }
}
