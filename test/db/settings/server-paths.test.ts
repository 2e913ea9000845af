import { expect, test } from "bun:test";

import { InvalidInput } from "../../../src/domain/errors.ts";
import { serverPaths } from "../../../src/db/settings/server-paths.ts";

const user = { env: {}, uid: 1000, platform: "linux", home: "/home/ada" };

test.each<[string, Partial<typeof user> & { env?: Record<string, string> }, string]>([
  ["an ordinary user's is in ~/.local/share", {}, "/home/ada/.local/share/pdoflow"],
  ["XDG_DATA_HOME moves it", { env: { XDG_DATA_HOME: "/share" } }, "/share/pdoflow"],
  [
    "a relative XDG_DATA_HOME is ignored",
    { env: { XDG_DATA_HOME: "x" } },
    "/home/ada/.local/share/pdoflow",
  ],
  [
    "on macOS it is in Application Support",
    { platform: "darwin", home: "/Users/ada" },
    "/Users/ada/Library/Application Support/pdoflow",
  ],
  ["root's is in /var/lib", { uid: 0, home: "/root" }, "/var/lib/pdoflow"],
  ["PDOFLOW_DATA names it", { env: { PDOFLOW_DATA: "/data/q" } }, "/data/q"],
  ["PDOFLOW_DATA wins for root too", { uid: 0, env: { PDOFLOW_DATA: "/data/q" } }, "/data/q"],
  [
    "slashes at the end or doubled make no other folder",
    { env: { PDOFLOW_DATA: "/data//q/" } },
    "/data/q",
  ],
  [
    "an empty PDOFLOW_DATA is none",
    { env: { PDOFLOW_DATA: "" } },
    "/home/ada/.local/share/pdoflow",
  ],
])("%s", (_name, difference, folder) => {
  expect(serverPaths({ ...user, ...difference }).folder).toBe(folder);
});

test("everything lies in the data folder, each kind under its version", () => {
  const { folder, uid, serverVersion, ...rest } = serverPaths(user);
  expect([folder, uid, serverVersion]).toEqual(["/home/ada/.local/share/pdoflow", 1000, "18.4"]);
  expect(rest).toEqual({
    program: `${folder}/server-18.4`,
    data: `${folder}/postgres-18`,
    log: `${folder}/server.log`,
    lock: `${folder}/server.lock`,
    socketFolder: `${folder}/socket`,
    address: {
      host: `${folder}/socket`,
      port: 5432,
      username: "pdoflow",
      database: "pdoflow",
    },
  });
});

test("a path that is not absolute, or no home, is refused by its name", () => {
  const relative = () => serverPaths({ ...user, env: { PDOFLOW_DATA: "data" } });
  expect(relative).toThrow(InvalidInput);
  expect(relative).toThrow('PDOFLOW_DATA: expected an absolute path, found "data"');
  expect(() => serverPaths({ ...user, home: "" })).toThrow("HOME: expected the absolute path");
});

/** A data folder for which the path of a socket inside it has `bytes` bytes. */
const folderFor = (bytes: number) => `/${"a".repeat(bytes - "//socket/.s.PGSQL.5432".length)}`;

test.each([
  ["linux", 107],
  ["darwin", 103],
])("on %s a socket of %i bytes lies inside, and a longer one in /tmp", (platform, bytesMax) => {
  const socketOf = (folder: string) =>
    serverPaths({ ...user, platform, env: { PDOFLOW_DATA: folder } }).socketFolder;
  expect(socketOf(folderFor(bytesMax))).toBe(`${folderFor(bytesMax)}/socket`);
  expect(socketOf(folderFor(bytesMax + 1))).toMatch(/^\/tmp\/pdoflow-1000-[0-9a-f]{16}$/);
});

test("the kernel counts bytes, not letters", () => {
  const folder = `/${"ü".repeat(60)}`;
  expect(serverPaths({ ...user, env: { PDOFLOW_DATA: folder } }).socketFolder).toStartWith("/tmp/");
});

test("two data folders, or two users, never share a socket", () => {
  const socketOf = (folder: string, uid: number) =>
    serverPaths({ ...user, uid, env: { PDOFLOW_DATA: folder } }).socketFolder;
  const [one, two] = [folderFor(200), folderFor(201)];
  const all = [socketOf(one, 1), socketOf(two, 1), socketOf(one, 2), socketOf(two, 2)];
  expect(new Set(all).size).toBe(4);
});
