import { createHash } from "node:crypto";
import { isAbsolute, join, normalize } from "node:path";

import { InvalidInput } from "../../domain/errors.ts";

/** The version of the embedded PostgreSQL: as in package.json, without the packager's suffix. */
const serverVersion = "18.4";

/** How a client of the embedded server connects. */
export interface ServerAddress {
  /** The folder of the unix socket, which clients of PostgreSQL accept as a host. */
  host: string;
  port: number;
  username: string;
  database: string;
}

/** The paths of one embedded server and all its files. Every path is absolute. */
export interface ServerPaths {
  /** The user that the processes of pdoflow run as. */
  uid: number;
  serverVersion: string;
  /** The data folder; everything below, except for the socket, is inside it. */
  folder: string;
  /** PostgreSQL itself, unpacked. */
  program: string;
  /** The database cluster. */
  data: string;
  log: string;
  /** Locked by the process that creates, starts or stops the server. */
  lock: string;
  socketFolder: string;
  address: ServerAddress;
}

/**
 * The paths of a user's embedded server. Reads nothing, so it serves to create the server and, in
 * the library, to find a running one.
 *
 * `PDOFLOW_DATA` in `env` names the data folder. The default is /var/lib/pdoflow for root. For
 * other users it is ~/Library/Application Support/pdoflow on macOS, and $XDG_DATA_HOME/pdoflow or
 * ~/.local/share/pdoflow elsewhere.
 *
 * @throws {InvalidInput} `PDOFLOW_DATA`, or `home` if it is needed, is not an absolute path.
 */
export function serverPaths(user: {
  env: Readonly<Record<string, string | undefined>>;
  uid: number;
  platform: string;
  home: string;
}): ServerPaths {
  const { uid, platform } = user;
  const folder = dataFolder(user);
  const socketFolder = shortEnough(join(folder, "socket"), folder, uid, platform);
  return {
    uid,
    serverVersion,
    folder,
    program: join(folder, `server-${serverVersion}`),
    data: join(folder, `postgres-${serverVersion.replace(/\..*/, "")}`),
    log: join(folder, "server.log"),
    lock: join(folder, "server.lock"),
    socketFolder,
    address: { host: socketFolder, port: 5432, username: "pdoflow", database: "pdoflow" },
  };
}

function dataFolder({ env, uid, platform, home }: Parameters<typeof serverPaths>[0]): string {
  const named = env["PDOFLOW_DATA"];
  if (named) {
    if (isAbsolute(named)) return normalize(named).replace(/(?<=.)\/+$/, "");
    throw new InvalidInput("PDOFLOW_DATA", [`expected an absolute path, found "${named}"`]);
  }
  if (uid === 0) return "/var/lib/pdoflow";
  if (!isAbsolute(home)) {
    throw new InvalidInput("HOME", [
      `expected the absolute path of a home folder, found "${home}". To do without one, set ` +
        "PDOFLOW_DATA to the folder for the embedded server's data",
    ]);
  }
  if (platform === "darwin") return join(home, "Library/Application Support/pdoflow");
  const share = env["XDG_DATA_HOME"];
  // The XDG specification asks to ignore a relative path.
  if (share && isAbsolute(share)) return join(share, "pdoflow");
  return join(home, ".local/share/pdoflow");
}

/**
 * `wanted`, or a folder in /tmp if the path of the socket in `wanted` is too long for the kernel.
 * Not XDG_RUNTIME_DIR, because cron and ssh often lack it: two processes of one user would then
 * look for one server at two paths.
 */
function shortEnough(wanted: string, folder: string, uid: number, platform: string): string {
  const pathBytesMax = platform === "darwin" ? 103 : 107; // sizeof(sun_path) less its NUL
  if (Buffer.byteLength(join(wanted, ".s.PGSQL.5432")) <= pathBytesMax) return wanted;
  const hash = createHash("sha256").update(folder).digest("hex").slice(0, 16);
  return `/tmp/pdoflow-${uid}-${hash}`;
}
