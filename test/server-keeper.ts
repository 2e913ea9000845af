// A process beside a test run: `bun test/server-keeper.ts PID MARK` (test-run.ts). It starts the
// server of that run, prints "ready", and when the run is over, however it ended, stops the server
// and removes its folder. Every test process without a server starts one: the first keeper stays,
// the others leave once the server is ready.
import { mkdirSync, rmSync } from "node:fs";

import postgres from "postgres";

import { ensureServer, stopServer } from "../src/server/server.ts";
import { isOldestWanted, prepareOldest } from "./oldest-server.ts";
import { folderOf, isOver, placeOf } from "./test-run.ts";

const [pid = "", startMark = ""] = process.argv.slice(2);
const run = { pid: Number(pid), startMark };
const place = placeOf(run);

const asked = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => asked.abort());
// The process that waited for "ready" may be gone: then the run is over, which is seen below.
process.stdout.on("error", () => {});

if (isFirst()) {
  try {
    await startServer();
    await relax();
    process.stdout.write("ready\n");
    while (!asked.signal.aborted && !isOver(run)) await Bun.sleep(50);
  } finally {
    await stopServer(place);
    for (const folder of [folderOf(run), place.socketFolder]) {
      rmSync(folder, { recursive: true, force: true });
    }
  }
} else {
  await startServer();
  process.stdout.write("ready\n");
}

async function startServer(): Promise<void> {
  if (isOldestWanted()) await prepareOldest(place);
  await ensureServer(place);
}

function isFirst(): boolean {
  process.umask(0o022); // root's server runs as another user, which must be able to pass
  try {
    mkdirSync(folderOf(run));
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Nothing on this server has to survive a power cut, so nothing waits for the disk. */
async function relax(): Promise<void> {
  const sql = postgres({ ...place.address, max: 1 });
  await sql`alter system set fsync = off`;
  await sql`alter system set synchronous_commit = off`;
  await sql`alter system set full_page_writes = off`;
  await sql`select pg_reload_conf()`;
  await sql.end();
}
