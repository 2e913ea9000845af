import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
} from "node:fs";
import { join } from "node:path";

import { UnnamedUser } from "../../src/server/account.ts";
import { ensureServer, serverState, stopServer } from "../../src/server/server.ts";
import { ask, asRoot, ensureElsewhere, isRoot, placeAt, temporaryPlace } from "./place.ts";

const place = temporaryPlace();

beforeAll(async () => void (await ensureServer(place)));
afterAll(() => place[Symbol.asyncDispose]());

test("the data and the socket are for the server's account alone", () => {
  const owner = statSync(place.data).uid;
  for (const path of [place.data, place.socketFolder, join(place.socketFolder, ".s.PGSQL.5432")]) {
    const { mode, uid } = statSync(path);
    expect([path, (mode & 0o777).toString(8), uid]).toEqual([path, "700", owner]);
  }
  expect(owner === 0).toBe(false);
  const files = readdirSync(place.data, { recursive: true, encoding: "utf8" });
  const open = files.filter((name) => {
    const found = lstatSync(join(place.data, name), { throwIfNoEntry: false }); // some come and go
    return found !== undefined && (found.mode & 0o077) !== 0;
  });
  expect(files.length).toBeGreaterThan(100);
  expect(open).toEqual([]);
  for (const file of [place.log, place.lock]) expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("the kernel identifies callers, and only the user who started the server is admitted", () => {
  const lines = (file: string) =>
    readFileSync(join(place.folder, file), "utf8")
      .split("\n")
      .filter((line) => line && !line.startsWith("#"));
  expect(lines("pg_hba.conf")).toEqual(["local all pdoflow peer map=pdoflow"]);
  const caller = Bun.spawnSync(["id", "-un"]).stdout.toString().trim();
  expect(lines("pg_ident.conf")).toEqual([`pdoflow "${caller}" pdoflow`]);
});

test.skipIf(!isRoot)(`root's server runs as its own account, which is not admitted`, () => {
  const owner = statSync(place.data);
  const name = Bun.spawnSync(["id", "-un", String(owner.uid)])
    .stdout.toString()
    .trim();
  expect(name).toBe("pdoflow-db");
  const probe = Bun.spawnSync(
    [process.execPath, "--config=/dev/null", join(import.meta.dir, "probe.ts"), place.socketFolder],
    { uid: owner.uid, gid: owner.gid, env: { PATH: "/usr/bin:/bin" } },
  );
  expect(probe.stdout.toString()).toContain('Peer authentication failed for user "pdoflow"');
});

test.skipIf(!isRoot)(`data that a shared account has served is given to that account`, async () => {
  await using old = temporaryPlace();
  await ensureServer(old);
  await ask(old, "create table kept as select 7 as seven");
  await stopServer(old);
  Bun.spawnSync(["chown", "-R", "nobody", old.data, old.socketFolder]);
  await ensureServer(old);
  expect(await ask(old, "select seven from kept")).toEqual({ seven: 7 });
  expect(statSync(old.data).uid).toBe(statSync(place.data).uid);
});

test("the server uses these files and no others, and listens on no network", async () => {
  const settings = ["listen_addresses", "hba_file", "ident_file", "unix_socket_permissions"];
  const query = `select ${settings.map((name) => `current_setting('${name}') ${name}`).join()},
    (select count(*)::int from pg_hba_file_rules) rules`;
  expect(await ask(place, query)).toEqual({
    listen_addresses: "",
    hba_file: join(place.folder, "pg_hba.conf"),
    ident_file: join(place.folder, "pg_ident.conf"),
    unix_socket_permissions: "0700",
    rules: 1,
  });
});

test.skipIf(process.platform !== "linux")("no process of the server holds a TCP socket", () => {
  const state = serverState(place);
  const pid = state.kind === "running" ? state.pid : 0;
  const opened = Bun.spawnSync(["sh", "-c", `ls -l /proc/${pid}/fd`]).stdout.toString();
  const sockets = [...opened.matchAll(/socket:\[(\d+)\]/g)].map(([, inode]) => inode);
  const table = (name: string) => readFileSync(`/proc/net/${name}`, "utf8");
  expect(sockets.length).toBeGreaterThan(0);
  for (const inode of sockets) expect(table("tcp") + table("tcp6")).not.toContain(` ${inode} `);
});

test.skipIf(!isRoot)(`another user who reaches the socket is not admitted${asRoot}`, async () => {
  const socket = join(place.socketFolder, ".s.PGSQL.5432");
  // As if every permission had been opened by mistake: only the server's own check is left.
  chmodSync(place.socketFolder, 0o755);
  chmodSync(socket, 0o777);
  const stranger = Bun.spawnSync(
    [process.execPath, "--config=/dev/null", join(import.meta.dir, "probe.ts"), place.socketFolder],
    { uid: 1, gid: 1, env: { PATH: "/usr/bin:/bin" } },
  );
  chmodSync(socket, 0o700);
  chmodSync(place.socketFolder, 0o700);
  expect(stranger.stdout.toString()).toContain('Peer authentication failed for user "pdoflow"');
});

test.skipIf(!isRoot)(`an ordinary user's server is that user's alone${asRoot}`, async () => {
  await using home = temporaryPlace();
  const daemon = { uid: 1, gid: 1 };
  mkdirSync(home.folder);
  chownSync(home.folder, daemon.uid, daemon.gid);
  chmodSync(home.folder, 0o700);

  const starter = ensureElsewhere(home, daemon);
  expect(await starter.stdout.text()).toContain(home.address.host);
  for (const path of [home.data, home.socketFolder, home.program, home.log]) {
    expect([path, statSync(path).uid]).toEqual([path, daemon.uid]);
  }
  const ident = readFileSync(join(home.folder, "pg_ident.conf"), "utf8");
  expect(ident).toEndWith('\npdoflow "daemon" pdoflow\n');
});

test.skipIf(!isRoot)(`a user without a name gets an error that says so${asRoot}`, async () => {
  await using home = temporaryPlace();
  const nameless = { uid: 54321, gid: 54321 };
  mkdirSync(home.folder);
  chownSync(home.folder, nameless.uid, nameless.gid);

  const starter = ensureElsewhere(home, nameless);
  const error = JSON.parse(await starter.stdout.text());
  expect(error).toEqual({ name: "UnnamedUser", message: new UnnamedUser(54321).message });
  expect(await starter.exited).toBe(1);
});

test("a path with spaces, commas and apostrophes is a path like any other", async () => {
  await using odd = temporaryPlace("it's, so");
  expect(await ensureServer(odd)).toEqual(placeAt(odd.folder).address);
  expect(await ask(odd, "select 1 as one")).toEqual({ one: 1 });
});
