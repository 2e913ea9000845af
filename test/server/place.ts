import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import postgres from "postgres";

import { type ServerPaths, serverPaths } from "../../src/db/settings/server-paths.ts";
import { stopServer } from "../../src/server/server.ts";

export const uid = process.getuid?.() ?? -1;
export const isRoot = uid === 0;

/** The suffix of the name of a skipped test that needs another user. */
export const asRoot = isRoot ? "" : " (skipped: needs root)";

/**
 * A place for a server of its own; disposing it stops the server and removes everything. Short,
 * so that the socket lies inside, and passable, so that root's server can run in it.
 */
export function temporaryPlace(below = ""): ServerPaths & AsyncDisposable {
  const top = mkdtempSync("/tmp/pdoflow-test-");
  chmodSync(top, 0o755);
  const place = placeAt(join(top, below || "data"));
  return {
    ...place,
    async [Symbol.asyncDispose]() {
      await stopServer(place);
      for (const folder of [top, place.socketFolder])
        rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const placeAt = (folder: string, owner = uid): ServerPaths =>
  serverPaths({
    env: { PDOFLOW_DATA: folder },
    uid: owner,
    platform: process.platform,
    home: "/nonexistent",
  });

/** A process of its own that makes sure that the server runs; see ensure.ts. */
export function ensureElsewhere(place: ServerPaths, user: { uid?: number; gid?: number } = {}) {
  return Bun.spawn([process.execPath, "--config=/dev/null", join(import.meta.dir, "ensure.ts")], {
    ...user,
    env: { PATH: "/usr/bin:/bin", PDOFLOW_DATA: place.folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

export const connect = ({ address }: ServerPaths) =>
  postgres({ ...address, max: 1, onnotice: () => {} });

/** The first row of a query, on a connection of its own. */
export async function ask(place: ServerPaths, query: string): Promise<postgres.Row | undefined> {
  const sql = connect(place);
  try {
    const [row] = await sql.unsafe(query);
    return row;
  } finally {
    await sql.end();
  }
}

export const logOf = (place: ServerPaths): string => readFileSync(place.log, "utf8");

/** Waits until `isTrue`, for 50 s at most. */
export async function until(isTrue: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 50_000;
  while (!isTrue()) {
    if (performance.now() > giveUpAt) throw new Error(`never became true: ${String(isTrue)}`);
    await Bun.sleep(10);
  }
}

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
