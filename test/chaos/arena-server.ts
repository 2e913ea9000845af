import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";

import { connect } from "../../src/db/connection/connect.ts";
import { configuredTarget, type Target } from "../../src/db/settings/target.ts";
import { type ServerPaths, serverPaths } from "../../src/db/settings/server-paths.ts";
import { type Accounts, findAccounts } from "../../src/server/account.ts";
import { run, serverProcess } from "../../src/server/run.ts";
import { ensureServer, serverState, stopServer } from "../../src/server/server.ts";
import { answers } from "../answers.ts";
import { freePort } from "../free-port.ts";
import { placeOfVersion, prepareVersion } from "../server-version.ts";

/** How a server ends: cut off in order, at once ("immediate"), or by SIGKILL. */
export type ServerEnd = "stop" | "halt" | "kill";

/** The PostgreSQL of one chaos run. */
export interface ArenaServer {
  readonly url: string;
  readonly target: Target;
  /** Everything that it has logged so far. */
  readLog(): string;
  end(how: ServerEnd): Promise<void>;
  /** Starts it again, and returns when it answers. */
  start(): Promise<void>;
  /** Removes files outside of its folder. */
  removeSocket(): void;
}

export interface ArenaServerOptions {
  /** Over TCP, with TLS offered: the default of sslmode then asks for it. */
  tls: boolean;
  /** The major version; null for the embedded server. */
  postgres: number | null;
}

/** Makes a server in `folder`, and starts it. */
export async function openArenaServer(
  folder: string,
  { tls, postgres }: ArenaServerOptions,
): Promise<ArenaServer> {
  const embedded = serverPaths({
    env: { PDOFLOW_DATA: join(folder, "data") },
    uid: process.getuid?.() ?? -1,
    platform: process.platform,
    home: "/nonexistent",
  });
  const place = postgres === null ? embedded : placeOfVersion(embedded, postgres);
  if (postgres !== null) await prepareVersion(place, postgres);
  await ensureServer(place);
  if (!tls) return new SocketServer(place);
  await stopServer(place);
  return await TlsServer.open(place, folder);
}

const targetOf = (url: string): Target => {
  const target = configuredTarget(url, {});
  if (!target) throw new Error(`expected the URL of a server, found ${url}`);
  return target;
};

/** As pdoflow itself starts and stops it. */
class SocketServer implements ArenaServer {
  readonly url: string;
  readonly target: Target;
  readonly #place: ServerPaths;

  constructor(place: ServerPaths) {
    this.#place = place;
    const { host, port, username: user, database } = place.address;
    const query = new URLSearchParams({ host, port: String(port), user });
    this.url = `postgres:///${database}?${query.toString()}`;
    this.target = targetOf(this.url);
  }

  readLog(): string {
    // The log of a server that runs for long is moved aside.
    const files = [`${this.#place.log}.old`, this.#place.log].filter((file) => existsSync(file));
    return files.map((file) => readFileSync(file, "utf8")).join("");
  }

  async end(how: ServerEnd): Promise<void> {
    const state = serverState(this.#place);
    if (how === "stop") await stopServer(this.#place);
    else if (state.kind === "running") process.kill(state.pid, signals[how]);
  }

  async start(): Promise<void> {
    await ensureServer(this.#place);
  }

  removeSocket(): void {
    rmSync(this.#place.socketFolder, { recursive: true, force: true });
  }
}

const signals = { stop: "SIGINT", halt: "SIGQUIT", kill: "SIGKILL" } as const;

/** How long children of a killed server may go on. */
const childrenMs = 30_000;

/** A server that listens on a port of 127.0.0.1 and has a certificate. */
class TlsServer implements ArenaServer {
  readonly url: string;
  readonly target: Target;
  readonly #command: string[];
  readonly #accounts: Accounts;
  readonly #log: string;
  #child: Bun.Subprocess | null = null;

  private constructor(command: string[], accounts: Accounts, log: string, port: number) {
    this.#command = command;
    this.#accounts = accounts;
    this.#log = log;
    const query = new URLSearchParams({ host: "127.0.0.1", port: String(port), user: "pdoflow" });
    this.url = `postgres:///pdoflow?${query.toString()}`;
    this.target = targetOf(this.url);
  }

  static async open(place: ServerPaths, folder: string): Promise<TlsServer> {
    const accounts = findAccounts(place);
    const own = join(folder, "tls");
    mkdirSync(own);
    chmodSync(own, 0o755); // root's server runs as another user, which must be able to pass
    const [hba, cert, key] = ["pg_hba.conf", "server.crt", "server.key"].map((name) =>
      join(own, name),
    ) as [string, string, string];
    await Bun.write(hba, "host all all 127.0.0.1/32 trust\n");
    await run(
      Bun.which("openssl") ?? "openssl",
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"].concat([
        "-subj",
        "/CN=chaos",
        "-days",
        "30",
        "-keyout",
        key,
        "-out",
        cert,
      ]),
      { ...accounts, server: accounts.caller },
    );
    for (const file of [hba, cert]) chmodSync(file, 0o644);
    if (process.getuid?.() === 0) chownSync(key, accounts.server.uid, accounts.server.gid);
    const port = await freePort();
    const settings = {
      ...{ ssl: "on", ssl_cert_file: cert, ssl_key_file: key, hba_file: hba },
      ...{ listen_addresses: "127.0.0.1", port, unix_socket_directories: "" },
    };
    const args = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
    const command = [join(place.program, "bin/postgres"), "-D", place.data, ...args];
    const server = new TlsServer(command, accounts, place.log, port);
    await server.start();
    return server;
  }

  readLog(): string {
    return readFileSync(this.#log, "utf8");
  }

  async end(how: ServerEnd): Promise<void> {
    this.#child?.kill(signals[how]);
    await this.#child?.exited;
    this.#child = null;
  }

  async start(): Promise<void> {
    const giveUpAt = performance.now() + childrenMs;
    // It does not start while children of one that was killed still have its shared memory.
    while (!(await this.#startOnce())) {
      if (performance.now() > giveUpAt) throw new Error(`no server: see ${this.#log}`);
      await Bun.sleep(100);
    }
  }

  async #startOnce(): Promise<boolean> {
    const log = openSync(this.#log, "a", 0o600);
    const child = Bun.spawn(this.#command, {
      ...serverProcess(this.#accounts),
      detached: true, // Ctrl-C in our terminal is not meant for it
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.#child = child;
    while (child.exitCode === null) {
      // A new client each time: an old one would try ever more rarely.
      await using db = connect(this.target, { connections: 1 });
      if (await answers(db)) return true;
      await Bun.sleep(20);
    }
    return false;
  }

  removeSocket(): void {} // it has none
}
