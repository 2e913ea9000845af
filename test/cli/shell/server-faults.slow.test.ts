import { expect, test } from "bun:test";
import { chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { migrate } from "../../../src/db/admin/migrations.ts";
import { openCommands } from "../in-process.ts";
import { ownServer } from "../../server/own-server.ts";
import { jobCount } from "../../db/each-job.ts";

const isRoot = process.getuid?.() === 0;

test("a wrong password: exit code 3, where to set it, and neither password is printed", async () => {
  await using server = await ownServer();
  using cli = await openCommands(null);
  const { sql } = server.db;
  await sql`create role student login password 'right-one'`;
  const hba = join(server.place.folder, "pg_hba.conf");
  writeFileSync(hba, "local all student scram-sha-256\nlocal all all peer map=pdoflow\n");
  await sql`select pg_reload_conf()`;
  const url = (password: string) =>
    server.url.replace("&user=pdoflow", `&user=student&password=${password}`);
  const { code, err } = await cli.runWith({ env: { DATABASE_URL: url("wrong-one") } }, "status");
  expect(code).toBe(3);
  expect(err).toContain("the password is wrong. Set it in ~/.pgpass, the URL or PGPASSWORD.");
  expect(err).not.toContain("wrong-one");
  expect(err).not.toContain("right-one");
  const none = await cli.runWith({ env: { DATABASE_URL: url("") } }, "status");
  expect(none.err).toContain("the server expects a password, and none was given. Set it in");
  // With the right one it gets as far as the schema, which is not there.
  const right = await cli.runWith({ env: { DATABASE_URL: url("right-one") } }, "status");
  expect(right.err).toContain("Run: pdoflow migrate");
});

const fullDisk = "a full disk while posting: exit code 3, and nothing half-written";

test.skipIf(!isRoot)(
  `${fullDisk}${isRoot ? "" : " (needs root to mount a small disk)"}`,
  async () => {
    await using server = await ownServer();
    using cli = await openCommands(null);
    const { sql } = server.db;
    await migrate(server.db);
    const disk = mkdtempSync(join(tmpdir(), "pdoflow-disk-"));
    Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk]);
    try {
      const folder = join(disk, "space");
      mkdirSync(folder);
      const { uid, gid } = statSync(server.place.data);
      chownSync(folder, uid, gid);
      Bun.spawnSync(["chmod", "755", disk]);
      await sql.unsafe(`create tablespace small location '${folder}'`);
      await sql`alter table pdoflow.job_1 set tablespace small`;
      // Random, because blocks are compressed.
      const lines = Array.from({ length: 300_000 }, () => `["${crypto.randomUUID()}"]\n`);
      await cli.write("args.ndjson", lines.join(""));
      const { code, out, err } = await cli.runWith(
        { env: { PDOFLOW_DATABASE_URL: server.url } },
        ...["post", "fit.ts#fit", "args.ndjson", "--no-check"],
      );
      expect({ code, out }).toEqual({ code: 3, out: "" });
      expect(err).toContain("the server's disk is full. Nothing was written.");
      const [row] = await sql`
      select (select count(*) from pdoflow.posting)::int as postings,
             ${sql.unsafe(jobCount)} as jobs`;
      expect(row).toEqual({ postings: 0, jobs: 0 });
      const doctor = await cli.runWith({ env: { PDOFLOW_DATABASE_URL: server.url } }, "doctor");
      expect(doctor.code).toBe(1);
      expect(doctor.out).toContain("problem: disk: writing 16 MiB failed in the tablespace small:");
      expect(await sql`select from pg_class where relname like 'pdoflow_probe%'`).toHaveLength(0);
      await sql`alter table pdoflow.job_1 set tablespace pg_default`;
    } finally {
      Bun.spawnSync(["umount", "-l", disk]);
      rmSync(disk, { recursive: true, force: true });
    }
  },
  60_000,
);
