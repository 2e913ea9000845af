import { existsSync } from "node:fs";

import type { ServerAddress, ServerPlace } from "../db/settings/server-place.ts";
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
 * Makes sure that the embedded server of `place` runs and accepts queries, and returns how to
 * connect. The first time, it unpacks PostgreSQL and creates the database, in about two seconds;
 * `onProgress` gets a sentence for each step. The server outlives this process, and any number of
 * processes may call this at once.
 *
 * @throws {PdoflowError} one of the errors in this folder: each message has a remedy.
 */
export async function ensureServer(
  place: ServerPlace,
  { onProgress = () => {} }: { onProgress?: (sentence: string) => void } = {},
): Promise<ServerAddress> {
  return await explained(place, async () => {
    if (await runs(place)) return place.address;
    const accounts = findAccounts(place);
    prepareFolder(place, accounts);
    return await alone(place.lock, async () => {
      if (await runs(place)) return place.address;
      removeDrafts(place);
      if (accounts.caller.uid === 0 && !findPostmaster(place)) handOver(place, accounts);
      prepareSocketFolder(place, accounts);
      await unpackProgram(place, onProgress);
      await initialise(place, accounts, onProgress);
      claimForHost(place);
      await start(place, accounts, onProgress);
      return place.address;
    });
  });
}

async function runs(place: ServerPlace): Promise<boolean> {
  if (!isSocketFolderPrivate(place) || (await probe(place.address)) !== "accepts") return false;
  boundLog(place);
  return true;
}

/**
 * Stops the embedded server of `place` and ends its connections. Returns whether one ran.
 *
 * @throws {ServerDidNotStop} after a minute.
 */
export async function stopServer(place: ServerPlace): Promise<boolean> {
  return await explained(place, async () => {
    if (!existsSync(place.data)) return false;
    return await alone(place.lock, () => stopPostmaster(place));
  });
}

/** Whether the embedded server of `place` runs. Cheap, and changes nothing. */
export function serverState(place: ServerPlace): ServerState {
  const postmaster = findPostmaster(place);
  return postmaster ? { kind: "running", pid: postmaster.pid } : { kind: "stopped" };
}

/** An error of the file system is for the user to fix, not a fault of ours. */
async function explained<T>(place: ServerPlace, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isSystemError = error instanceof Error && "syscall" in error;
    throw isSystemError ? new FolderUnusable(place.folder, error) : error;
  }
}
