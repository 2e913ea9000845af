import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import {
  connect,
  explainDatabaseError,
  isConnectionLoss,
} from "../../../src/db/connection/connect.ts";
import { openDatabase } from "../../../src/db/connection/open.ts";
import { configuredTarget } from "../../../src/db/settings/target.ts";
import { openTlsServer, planted, type TlsServer } from "../../tls-server.ts";

let server: TlsServer;
beforeAll(async () => {
  server = await openTlsServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** Connects as `user` to db.test, and says how ("tls", "plain"), or what went wrong. */
async function connected(
  user: string,
  settings: Record<string, string> = {},
  env: Record<string, string> = {},
): Promise<string> {
  const all = {
    ...{ host: "db.test", hostaddr: "127.0.0.1", port: String(server.port), dbname: "pdoflow" },
    ...{ user, ...settings },
  };
  const text = Object.entries(all)
    .map(([name, value]) => `${name}='${value.replace(/['\\]/g, "\\$&")}'`)
    .join(" ");
  let target;
  try {
    target = configuredTarget(text, env);
    if (!target) throw new Error("expected a target");
    await using db = await openDatabase(target, { connections: 1 });
    const [row] = await db.sql<{ ssl: boolean; clientDn: string | null }[]>`
      select ssl, client_dn from pg_stat_ssl where pid = pg_backend_pid()`;
    if (!row?.ssl) return "plain";
    return row.clientDn === null ? "tls" : `tls as ${row.clientDn}`;
  } catch (error) {
    const told = target ? explainDatabaseError(error, target) : error;
    expect(Bun.inspect(told)).not.toContain("s3cret");
    return told instanceof Error ? told.message : String(told);
  }
}

const foreign = /not from an authority that is trusted here. Name its authority in sslrootcert/;

test.each<[string, string, string | RegExp]>([
  ["disable", "pdoflow", "plain"],
  ["allow", "pdoflow", "plain"],
  ["prefer", "pdoflow", "tls"],
  ["require", "pdoflow", "tls"],
  ["allow", "encrypted", "tls"], // the server refuses it plain
  ["disable", "encrypted", /does not accept this role/],
  ["prefer", "plain", "plain"], // the server refuses it encrypted
  ["require", "plain", /does not accept this role/],
])("sslmode=%s as the role %s", async (sslmode, user, expected) => {
  expect(await connected(user, { sslmode })).toMatch(expected);
});

test("the server's certificate must be from the authority of the root certificate", async () => {
  const { ca, otherCa } = server;
  for (const sslmode of ["require", "verify-ca", "verify-full"]) {
    expect(await connected("pdoflow", { sslmode, sslrootcert: ca })).toBe("tls");
    expect(await connected("pdoflow", { sslmode, sslrootcert: otherCa })).toMatch(foreign);
  }
});

test("verify-full checks the name as well, verify-ca does not", async () => {
  const wrong = { host: "other.test", sslrootcert: server.ca };
  expect(await connected("pdoflow", { ...wrong, sslmode: "verify-ca" })).toBe("tls");
  expect(await connected("pdoflow", { ...wrong, sslmode: "verify-full" })).toMatch(
    /certificate is for another name than other\.test/,
  );
  const number = { host: "127.0.0.1", sslrootcert: server.ca, sslmode: "verify-full" };
  expect(await connected("pdoflow", number)).toMatch(/for another name than 127\.0\.0\.1/);
});

test("without a root certificate verify-full trusts the public authorities only", async () => {
  expect(await connected("pdoflow", { sslmode: "verify-full" })).toMatch(foreign);
  const system = { sslrootcert: "system" };
  const env = { SSL_CERT_FILE: server.ca };
  expect(await connected("pdoflow", system, env)).toBe("tls");
  expect(await connected("pdoflow", { ...system, host: "other.test" }, env)).toMatch(
    /certificate is for another name/,
  );
});

test("a client certificate logs in; its key is refused if others can read it", async () => {
  const { ca: sslrootcert, cert: sslcert, key: sslkey } = server;
  const mine = { sslmode: "verify-full", sslrootcert, sslcert, sslkey };
  expect(await connected("certified", mine)).toBe("tls as /CN=certified");
  expect(await connected("encrypted", { sslmode: "require" })).toBe("tls");
  expect(await connected("certified", { sslmode: "require" })).toMatch(/does not accept this role/);
  chmodSync(sslkey, 0o644);
  expect(await connected("certified", mine)).toMatch(/mode 0644\). Run: chmod 600 .*certified.key/);
  chmodSync(sslkey, 0o600);
});

test("certificates are found in ~/.postgresql, and by the variables", async () => {
  const home = join(server.folder, "home");
  mkdirSync(join(home, ".postgresql"), { recursive: true });
  copyFileSync(server.ca, join(home, ".postgresql/root.crt"));
  copyFileSync(server.cert, join(home, ".postgresql/postgresql.crt"));
  copyFileSync(server.key, join(home, ".postgresql/postgresql.key"));
  const sslmode = "verify-full";
  expect(await connected("certified", { sslmode }, { HOME: home })).toBe("tls as /CN=certified");
  const env = {
    ...{ PGSSLMODE: sslmode, PGSSLROOTCERT: server.ca },
    ...{ PGSSLCERT: server.cert, PGSSLKEY: server.key },
  };
  expect(await connected("certified", {}, env)).toBe("tls as /CN=certified");
  expect(await connected("certified", {}, { ...env, PGSSLROOTCERT: server.otherCa })).toMatch(
    foreign,
  );
});

test("a password comes from the password file, for its server and role alone", async () => {
  const file = join(server.folder, "pgpass");
  const word = planted.replace(/[\\:]/g, "\\$&");
  writeFileSync(file, `# mine\nelse:*:*:*:x\ndb.test:${server.port}:*:secretive:${word}\n`);
  chmodSync(file, 0o600);
  expect(await connected("secretive", { passfile: file })).toBe("tls");
  expect(await connected("secretive", { password: planted })).toBe("tls");
  expect(await connected("secretive", { password: "no" }, { PGPASSFILE: file })).toMatch(
    /the password is wrong. Set it in ~\/\.pgpass/,
  );
  expect(await connected("secretive", { host: "elsewhere", passfile: file })).toMatch(
    /none was given/,
  );
  chmodSync(file, 0o640);
  expect(await connected("secretive", {}, { PGPASSFILE: file })).toMatch(
    /mode 0640\). Run: chmod 600 .*pgpass/,
  );
});

test("a unix socket needs no TLS, whatever sslmode says", async () => {
  const socket = { host: server.socket, hostaddr: "", sslmode: "verify-full" };
  expect(await connected("pdoflow", socket)).toBe("plain");
});

test("a server without TLS: prefer goes on in plain, require does not", async () => {
  await server.setTls("off");
  expect(await connected("pdoflow", { sslmode: "prefer" })).toBe("plain");
  expect(await connected("pdoflow", { sslmode: "require" })).toMatch(/the server does not encrypt/);
  await server.setTls("on");
});

test.each(["prefer", "disable"])(
  "a statement that was queued when its connections were closed is a lost one (sslmode=%s)",
  async (sslmode) => {
    // The server refuses the log-in, so that the second statement needs another connection.
    const url = `postgres://pdoflow@127.0.0.1:${server.port}/missing?sslmode=${sslmode}`;
    const target = configuredTarget(url, {});
    if (!target) throw new Error("expected a target");
    const db = connect(target, { connections: 1 });
    const first = db.sql`select 1`.catch((error: unknown) => {
      void db.close();
      return error;
    });
    const second = db.sql`select 2`.catch((error: unknown) => error);
    expect(await first).toHaveProperty("code", "3D000");
    expect(isConnectionLoss(await second)).toBe(true);
  },
);
