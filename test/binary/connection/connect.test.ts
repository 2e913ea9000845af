import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";

import { migrate } from "../../../src/db/admin/migrations.ts";
import { openTlsServer, planted, type TlsServer } from "../../tls-server.ts";
import { type Cli, openCli, until } from "../cli.ts";

let server: TlsServer;
beforeAll(async () => {
  server = await openTlsServer();
  await migrate(server.db);
});
afterAll(() => server[Symbol.asyncDispose]());

/** A home whose service file leads to the server with the password in ~/.pgpass. */
async function withService(cli: Cli): Promise<Record<string, string>> {
  await cli.write(
    ".pg_service.conf",
    `[queue]\nhost=db.test\nhostaddr=127.0.0.1\nport=${server.port}\ndbname=pdoflow\n` +
      `user=secretive\nsslmode=verify-full\nsslrootcert=${server.ca}\n`,
  );
  await cli.write(".pgpass", `db.test:*:*:*:${planted.replace(/[\\:]/g, "\\$&")}\n`);
  chmodSync(join(cli.folder, ".pgpass"), 0o600);
  return { HOME: cli.folder, PGSERVICE: "queue", PGTARGETSESSIONATTRS: "any" };
}

test("a pool works over TLS with a service and a password file, and prints no secret", async () => {
  using cli = await openCli(null);
  const env = await withService(cli);
  await cli.write("fit.ts", "export const fit = (n: number) => n;\n");
  await cli.write("args.json", "[[1], [2]]");
  const posted = await cli.runWith({ env }, "post", "fit.ts#fit", "args.json");
  expect(posted).toMatchObject({ code: 0, err: "" });
  const ran = await cli.runWith({ env }, "pool", "--once", "--max-workers", "1");
  expect(ran.code).toBe(0);
  const looked = await cli.runWith({ env }, "status", "--json");
  expect(looked.out).toContain('"done":2');
  for (const text of [posted, ran, looked].flatMap(({ out, err }) => [out, err])) {
    expect(text).not.toContain("s3cret");
  }
});

test("the password is in no command line and no environment of a process that it starts", async () => {
  using cli = await openCli(null);
  const env = await withService(cli);
  await cli.write(
    "sleep.ts",
    `export const nap = async () => {
       await Bun.write("started", "");
       await Bun.sleep(60_000);
     };`,
  );
  await cli.write("args.json", "[[]]");
  await cli.runWith({ env }, "post", "sleep.ts#nap", "args.json");
  const stderr = Bun.file(join(cli.folder, "stderr"));
  const pool = Bun.spawn([...cli.command, "pool", "--max-workers", "1"], {
    ...{ cwd: cli.folder, env: { ...cli.env, ...env }, stdout: "ignore", stderr },
  });
  await until("the job runs", () => Bun.file(join(cli.folder, "started")).exists());
  const children = await Bun.$`ps -o pid= --ppid ${pool.pid}`.text();
  const pids = [String(pool.pid), ...children.trim().split(/\s+/)];
  for (const pid of pids) {
    for (const name of ["cmdline", "environ"]) {
      expect(await Bun.file(`/proc/${pid}/${name}`).text()).not.toContain("s3cret");
    }
  }
  pool.kill("SIGTERM");
  // The kernel merges a second signal into one that the process has not yet handled.
  await until("the first signal", async () =>
    (await stderr.text()).includes("a second signal kills them"),
  );
  pool.kill("SIGTERM");
  await pool.exited;
  expect(await stderr.text()).not.toContain("s3cret");
});

test("a wrong authority ends with exit code 3, an open password file with 2", async () => {
  using cli = await openCli(null);
  const env = await withService(cli);
  const foreign = { ...env, PGSSLROOTCERT: server.otherCa };
  const service = await Bun.file(join(cli.folder, ".pg_service.conf")).text();
  await cli.write(".pg_service.conf", service.replace(/^sslrootcert.*\n/m, ""));
  const { code, err } = await cli.runWith({ env: foreign }, "status");
  expect({ code, err }).toEqual({
    code: 3,
    err: expect.stringContaining("not from an authority that is trusted here"),
  });
  chmodSync(join(cli.folder, ".pgpass"), 0o644);
  const open = await cli.runWith({ env }, "status");
  expect(open.code).toBe(2);
  expect(open.err).toContain("Run: chmod 600");
  expect(err + open.err).not.toContain("s3cret");
});
