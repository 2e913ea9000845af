import { afterAll, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

import { ServerElsewhere } from "../../src/server/host.ts";
import { ensureServer, serverState, stopServer } from "../../src/server/server.ts";
import { ServerDidNotStart } from "../../src/server/start.ts";
import { ask, connect, isAlive, logOf, temporaryPlace, until } from "./place.ts";

const place = temporaryPlace();
const pidFile = join(place.data, "postmaster.pid");
const socket = join(place.socketFolder, ".s.PGSQL.5432");

beforeEach(async () => void (await ensureServer(place)));
afterAll(() => place[Symbol.asyncDispose]());

test("a server killed with -9 is started again with all that was committed", async () => {
  await ask(place, "drop table if exists kept");
  await ask(place, "create table kept as select 42 as answer");
  await killServer();
  expect(existsSync(pidFile)).toBe(true);

  await ensureServer(place);
  expect(await ask(place, "select answer from kept")).toEqual({ answer: 42 });
});

test("while a child of the killed server lives, the next start waits for its end", async () => {
  const sql = connect(place);
  const [row] = await sql`select pg_backend_pid() as pid`;
  const backend = Number(row?.["pid"]);
  process.kill(backend, "SIGSTOP"); // it can't notice that its postmaster is gone
  await killServer();

  const starting = ensureServer(place);
  await until(() => logOf(place).includes("is still in use"));
  process.kill(backend, "SIGCONT");
  expect(await starting).toEqual(place.address);
  await sql.end();
});

test("a stale pid file that names a stranger's live process is not believed", async () => {
  // Of the server's own uid, or PostgreSQL would see through it by itself.
  await using stranger = Bun.spawn(["sleep", "1000"], ownerOfServer());
  await killServer();
  for (const file of [pidFile, `${socket}.lock`]) {
    const [, ...rest] = readFileSync(file, "utf8").split("\n");
    writeFileSync(file, [stranger.pid, ...rest].join("\n"));
  }
  expect(serverState(place)).toEqual({ kind: "stopped" });
  expect(await stopServer(place)).toBe(false);
  await ensureServer(place);
  expect(serverState(place)).not.toEqual({ kind: "running", pid: stranger.pid });
  expect(isAlive(stranger.pid)).toBe(true);
});

test("another PostgreSQL that got the pid is not taken for ours", async () => {
  // A shell by the name of postgres: its command line counts.
  await using other = Bun.spawn(["sh", "-c", "read line", "-D", "/another/folder"], {
    ...ownerOfServer(),
    stdin: "pipe",
    argv0: "/usr/bin/postgres",
  });
  await killServer();
  const [, ...rest] = readFileSync(pidFile, "utf8").split("\n");
  writeFileSync(pidFile, [other.pid, ...rest].join("\n"));

  expect(serverState(place)).toEqual({ kind: "stopped" });
  await ensureServer(place);
  expect(isAlive(other.pid)).toBe(true);
});

test("a pid file without a whole pid in it is no server", async () => {
  await stopServer(place);
  for (const text of ["", "12a\n", "-5\n", "\n/\n"]) {
    writeFileSync(pidFile, text);
    expect(serverState(place)).toEqual({ kind: "stopped" });
  }
  expect(await ensureServer(place)).toEqual(place.address);
});

test("a server that is stopping is waited for and started again", async () => {
  const before = pidOf(serverState(place));
  process.kill(before, "SIGINT");
  await ensureServer(place);
  expect(pidOf(serverState(place))).not.toBe(before);
});

test("a server that cannot start says so with its own words", async () => {
  await stopServer(place);
  const settings = join(place.data, "postgresql.auto.conf");
  const good = readFileSync(settings);
  try {
    writeFileSync(settings, "shared_buffers = 'much'\n");
    const refused = await ensureServer(place).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ServerDidNotStart);
    expect(String(refused)).toContain('invalid value for parameter "shared_buffers": "much"');
  } finally {
    writeFileSync(settings, good);
  }
});

test("data that another machine left without stopping its server is not touched", async () => {
  await killServer();
  const marker = join(place.folder, "server.host");
  writeFileSync(marker, "elsewhere\nanother-boot");
  const refused = await ensureServer(place).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ServerElsewhere);
  expect(String(refused)).toContain(`remove ${marker}`);

  rmSync(marker);
  await ensureServer(place);
  expect(readFileSync(marker, "utf8")).toStartWith(`${hostname()}\n`);
});

test("data that another machine stopped properly may move to this one", async () => {
  await stopServer(place);
  writeFileSync(join(place.folder, "server.host"), "elsewhere\nanother-boot");
  expect(await ensureServer(place)).toEqual(place.address);
});

async function killServer(): Promise<void> {
  const pid = pidOf(serverState(place));
  process.kill(pid, "SIGKILL");
  await until(() => !isAlive(pid));
}

function ownerOfServer() {
  const pid = pidOf(serverState(place));
  const ids = readFileSync(`/proc/${pid}/status`, "utf8");
  const id = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(ids)?.[1]);
  return process.getuid?.() === 0 ? { uid: id("Uid"), gid: id("Gid") } : {};
}

function pidOf(state: ReturnType<typeof serverState>): number {
  if (state.kind !== "running") throw new Error("no server runs");
  return state.pid;
}
