import { expect, test } from "bun:test";

import { EngineUnsuitable, requireEngine } from "../../../src/db/connection/engine.ts";
import { openCommands } from "../../cli/in-process.ts";
import { freshDatabase } from "../../database.ts";

const ours = "PostgreSQL 16.4 on x86_64-pc-linux-gnu, compiled by gcc";

test.each([
  ["CockroachDB", "CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu, built 2024/05/15)", "db"],
  ["YugabyteDB", "PostgreSQL 11.2-YB-2.20.1.0-b0 on x86_64-pc-linux-gnu, compiled by clang", "db"],
  ["YugabyteDB", "PostgreSQL 15.2-YB-2.25.0.0-b0 on aarch64-unknown-linux-gnu", "db"],
  ["Aurora DSQL", "PostgreSQL 16", "abc123.dsql.us-east-1.on.aws"],
  ["Amazon Redshift", "PostgreSQL 8.0.2 on i686-pc-linux-gnu, Redshift 1.0.12103", "db"],
  ["QuestDB", "PostgreSQL 12.3, compiled by Visual C++ build 1914, 64-bit, QuestDB", "db"],
])("%s is refused: %s", (name, version, host) => {
  expect(() => requireEngine(version, host)).toThrow(`expected PostgreSQL, found ${name}, which`);
});

test.each([
  [ours, "db.example.org"],
  ["PostgreSQL 15.2 (Debian 15.2-1.pgdg110+1) on x86_64-pc-linux-gnu", "/run/postgresql"],
  [ours, "ep-cool-name.eu-central-1.aws.neon.tech"],
  [ours, "my.cluster-abc.eu-west-1.rds.amazonaws.com"],
])("%s at %s is accepted", (version, host) => {
  expect(() => requireEngine(version, host)).not.toThrow(EngineUnsuitable);
});

test("migrate, doctor and post name the engine of the server and what it lacks", async () => {
  await using db = await freshDatabase();
  // A server whose version() is another one's.
  await db.sql`create schema other`;
  await db.sql`create function other.version() returns text immutable language sql
               return 'CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu)'`;
  await db.sql.unsafe(`alter database ${db.name} set search_path = other, pg_catalog`);
  using cli = await openCommands(db);
  for (const command of ["migrate", "doctor", "list"]) {
    const { code, err } = await cli.run(command);
    expect([command, code]).toEqual([command, 3]);
    expect(err).toContain("expected PostgreSQL, found CockroachDB, which cannot keep the queue:");
    expect(err).toContain("Use a PostgreSQL server of version 14 or later");
  }
});
