import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { connect, type Db } from "../src/db/connection/connect.ts";
import { serverPaths } from "../src/db/settings/server-paths.ts";
import { findAccounts } from "../src/server/account.ts";
import { serverProcess } from "../src/server/run.ts";
import { ensureServer, stopServer } from "../src/server/server.ts";
import { answers } from "./answers.ts";
import { freePort } from "./free-port.ts";

/** A server with TLS on, whose certificate is for db.test, and files to connect to it with. */
export interface TlsServer extends AsyncDisposable {
  port: number;
  /** The folder of its socket. */
  socket: string;
  /** As the superuser, over the socket. */
  db: Db;
  /** Of the authority that the server's certificate is of, and of one that has nothing to do. */
  ca: string;
  otherCa: string;
  /** Of the role `certified`. */
  cert: string;
  key: string;
  /** Turns TLS on or off for later connections. */
  setTls(to: "on" | "off"): Promise<void>;
  /** Where to put files of a test. */
  folder: string;
}

/** How each role may log in. */
const rules = [
  "local all all trust",
  "hostssl all certified 127.0.0.1/32 cert",
  "hostssl all encrypted 127.0.0.1/32 trust",
  "hostnossl all plain 127.0.0.1/32 trust",
  "host all secretive 127.0.0.1/32 scram-sha-256",
  "host all pdoflow 127.0.0.1/32 trust",
];
export const planted = "s3cret: \\the 'word'";

/** `more` are lines of pg_hba.conf for roles of a test's own. */
export async function openTlsServer(...more: string[]): Promise<TlsServer> {
  const root = mkdtempSync(join(tmpdir(), "pdoflow-tls-"));
  chmodSync(root, 0o755); // root's server runs as another user, which must be able to pass
  const uid = process.getuid?.() ?? -1;
  const env = { PDOFLOW_DATA: join(root, "p") };
  const place = serverPaths({ env, uid, platform: process.platform, home: "/nonexistent" });
  await ensureServer(place); // unpacked, and its database made
  await stopServer(place);
  const accounts = findAccounts(place);
  const files = makeCertificates(root);
  writeFileSync(join(root, "pg_hba.conf"), `${[...rules, ...more].join("\n")}\n`);
  chmodSync(join(root, "pg_hba.conf"), 0o644);
  const socket = join(root, "s");
  mkdirSync(socket);
  for (const path of [socket, join(root, "server.key")]) {
    if (uid === 0) chownSync(path, accounts.server.uid, accounts.server.gid);
  }
  const port = await freePort();
  const settings = {
    ...{ ssl_cert_file: join(root, "server.crt"), ssl_ca_file: files.ca },
    ...{ ssl_key_file: join(root, "server.key"), hba_file: join(root, "pg_hba.conf") },
    ...{ unix_socket_directories: socket, listen_addresses: "127.0.0.1", port, fsync: "off" },
  };
  const args = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  const log = Bun.file(join(root, "log"));
  const child = Bun.spawn([join(place.program, "bin/postgres"), "-D", place.data, ...args], {
    ...serverProcess(accounts),
    stdio: ["ignore", log, log],
  });
  const db = connect(
    {
      ...{ host: socket, port, user: "pdoflow", database: "pdoflow", password: undefined },
      ...{ tls: false, schema: "pdoflow", source: "a test" },
    },
    { connections: 1 },
  );
  while (!(await answers(db))) {
    if (child.exitCode !== null) throw new Error(await log.text());
    await Bun.sleep(20);
  }
  await makeRoles(db);
  await turnTls(db, "on");
  return {
    ...{ port, socket, db, ...files, folder: root },
    setTls: (to) => turnTls(db, to),
    async [Symbol.asyncDispose]() {
      await db.close();
      child.kill("SIGQUIT");
      await child.exited;
      rmSync(root, { recursive: true, force: true });
    },
  };
}

async function turnTls(db: Db, to: "on" | "off"): Promise<void> {
  await db.sql`alter system set ssl = ${db.sql(to)}`;
  await db.sql`select pg_reload_conf()`;
  const isTo = async () => (await db.sql`select where current_setting('ssl') = ${to}`).length > 0;
  while (!(await isTo())) await Bun.sleep(10);
}

async function makeRoles(db: Db): Promise<void> {
  for (const role of ["certified", "encrypted", "plain", "secretive"]) {
    await db.sql`create role ${db.sql(role)} login superuser`;
  }
  await db.sql`select set_config('a.word', ${planted}, false)`;
  await db.sql`do $$ begin
    execute format('alter role secretive password %L', current_setting('a.word')); end $$`;
}

/** Two authorities, and of the first a certificate for db.test and one for the role `certified`. */
function makeCertificates(folder: string) {
  const file = (name: string) => join(folder, name);
  const key = (name: string) =>
    ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"].concat([
      "-keyout",
      file(`${name}.key`),
      "-out",
      file(`${name}.crt`),
      "-days",
      "2",
    ]);
  const signed = ["-CA", file("ca.crt"), "-CAkey", file("ca.key")];
  const request = (name: string, ...args: string[]) =>
    run(["openssl", "req", "-x509", ...key(name), "-subj", `/CN=${name}`, ...args]);
  request("ca");
  request("other");
  request("server", ...signed, "-addext", "subjectAltName=DNS:db.test");
  request("certified", ...signed);
  chmodSync(file("server.crt"), 0o644);
  chmodSync(file("ca.crt"), 0o644);
  return {
    ca: file("ca.crt"),
    otherCa: file("other.crt"),
    cert: file("certified.crt"),
    key: file("certified.key"),
  };
}

function run(command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")} failed: ${stderr.toString()}`);
}
