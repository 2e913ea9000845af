import {
  type Stats,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";

import { exitCodes, PdoflowError } from "../domain/errors.ts";
import type { ServerPaths } from "../db/settings/server-paths.ts";
import type { Account } from "../db/settings/os-user.ts";
import type { Accounts } from "./account.ts";

/** A file or folder of the server cannot be created, read or written: no space, no permission. */
export class FolderUnusable extends PdoflowError {
  override readonly name = "FolderUnusable";
  readonly exitCode = exitCodes.database;
  constructor(folder: string, cause: Error) {
    super(
      `The embedded PostgreSQL keeps its data in ${folder}, which failed: ${cause.message}. ` +
        `Make it writable and see that its disk has 200 MB of room, or set PDOFLOW_DATA to a ` +
        `folder elsewhere.`,
      { cause },
    );
  }
}

/** The data folder belongs to another user, or anyone can write to it. */
export class FolderNotOurs extends PdoflowError {
  override readonly name = "FolderNotOurs";
  readonly exitCode = exitCodes.database;
  constructor(folder: string, found: string) {
    super(
      `Programs run from ${folder}, so it must belong to the user who runs pdoflow, and not be ` +
        `writable for everyone; found ${found}. Set PDOFLOW_DATA to a folder of your own.`,
    );
  }
}

/** Root's server runs as another account, which cannot enter a folder on the path. */
export class FolderNotPassable extends PdoflowError {
  override readonly name = "FolderNotPassable";
  readonly exitCode = exitCodes.database;
  constructor(folder: string, closed: string, mode: number, account: string) {
    super(
      `Run by root, PostgreSQL runs as the account ${account}, which must reach ${folder}, ` +
        `but ${closed} does not let it in (mode ${modeText(mode)}). Set PDOFLOW_DATA to a folder ` +
        `like /var/lib/pdoflow, or run: chmod a+x ${closed}`,
    );
  }
}

/** The folder for the socket exists and is not private to the server's account. */
export class SocketFolderTaken extends PdoflowError {
  override readonly name = "SocketFolderTaken";
  readonly exitCode = exitCodes.database;
  constructor(folder: string, account: Account, found: string) {
    super(
      `The socket of the embedded PostgreSQL goes into ${folder}, which must be a folder of ` +
        `${account.name} with mode 0700; found ${found}. Remove it, or set PDOFLOW_DATA to a ` +
        `shorter path, so that the socket fits in there.`,
    );
  }
}

/** Separates the name of a file from the random end of its draft's name. */
export const draftMark = ".draft-";

/**
 * Creates the data folder so that the server's account can enter it, or checks the existing one.
 */
export function prepareFolder({ folder }: ServerPaths, { caller, server }: Accounts): void {
  makeFolder(folder, caller.uid === server.uid ? 0o700 : 0o755);
  const found = statSync(folder);
  if (found.uid !== caller.uid || (found.mode & 0o002) !== 0) {
    throw new FolderNotOurs(folder, `uid ${found.uid}, mode ${modeText(found.mode)}`);
  }
  if (caller.uid === server.uid) return;
  for (let way = folder; ; way = dirname(way)) {
    const stat = statSync(way);
    if (!maySearch(server, stat)) throw new FolderNotPassable(folder, way, stat.mode, server.name);
    if (way === dirname(way)) return;
  }
}

/** With the final mode: a chmod afterwards would come too late for another process. */
function makeFolder(folder: string, mode: number): void {
  const umask = process.umask(0);
  try {
    mkdirSync(folder, { recursive: true, mode });
  } finally {
    process.umask(umask);
  }
}

function maySearch(account: Account, { uid, gid, mode }: Record<"uid" | "gid" | "mode", number>) {
  if (uid === account.uid) return (mode & 0o100) !== 0;
  return (mode & (gid === account.gid ? 0o010 : 0o001)) !== 0;
}

/** Assigns data that another account served for an earlier version to the current account. */
export function handOver({ data, socketFolder }: ServerPaths, { server }: Accounts): void {
  const owner = statSync(data, { throwIfNoEntry: false })?.uid;
  if (owner === undefined || owner === server.uid) return;
  for (const folder of [data, socketFolder]) {
    if (statSync(folder, { throwIfNoEntry: false })?.uid !== owner) continue;
    const chown = ["chown", "-R", "-h", `${server.uid}:${server.gid}`, folder];
    const { exitCode, stderr } = Bun.spawnSync(chown, { stdout: "ignore", stderr: "pipe" });
    if (exitCode !== 0) throw new FolderUnusable(folder, new Error(stderr.toString().trim()));
  }
}

/**
 * Creates the socket's folder, or checks the existing one: in /tmp another user may have created
 * it. Call it inside `alone`.
 */
export function prepareSocketFolder(
  { socketFolder }: ServerPaths,
  { caller, server }: Accounts,
): void {
  if (!existsSync(socketFolder)) mkdirSync(socketFolder, { mode: 0o700 });
  // Just created, or left like this by a process that was killed here.
  if (isPrivate(lstatSync(socketFolder), caller.uid)) {
    chownSync(socketFolder, server.uid, server.gid);
  }
  const found = lstatSync(socketFolder);
  if (isPrivate(found, server.uid)) return;
  const kind = found.isDirectory() ? "a folder" : "something else";
  throw new SocketFolderTaken(
    socketFolder,
    server,
    `${kind} of uid ${found.uid}, mode ${modeText(found.mode)}`,
  );
}

/** Whether the socket's folder exists, and is private to the owner of the data. */
export function isSocketFolderPrivate({ socketFolder, data }: ServerPaths): boolean {
  const found = lstatSync(socketFolder, { throwIfNoEntry: false });
  const owner = statSync(data, { throwIfNoEntry: false })?.uid;
  return found !== undefined && owner !== undefined && isPrivate(found, owner);
}

const isPrivate = (found: Stats, uid: number): boolean =>
  found.isDirectory() && found.uid === uid && (found.mode & 0o077) === 0;

/** Removes files that a killed process left half written. Call it inside `alone`. */
export function removeDrafts({ folder }: ServerPaths): void {
  for (const name of readdirSync(folder)) {
    // Retries, because an initdb whose pdoflow was killed may still be writing its last files.
    if (name.includes(draftMark)) {
      rmSync(join(folder, name), { recursive: true, force: true, maxRetries: 5 });
    }
  }
}

/** Syncs the names in `folder` to the disk, so that a rename survives a power cut. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  fsyncSync(handle);
  closeSync(handle);
}

const modeText = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, "0");
