// Programs of several releases with one database: docs/upgrading.md.
import { afterAll, describe, expect, test } from "bun:test";

import { catalogOf } from "../db/admin/catalog.ts";
import { said, until } from "../binary/cli.ts";
import { type Commands, openCommands, textOf } from "../cli/in-process.ts";
import { freshDatabase, type TestDatabase } from "../database.ts";
import { type LaterRelease, release2, release3 } from "./later-release.ts";

const v2 = release2();
const v3 = release3();
afterAll(() => [v2, v3].forEach((each) => each[Symbol.dispose]()));

const jobs = `
  export const nap = (ms: number) => Bun.sleep(ms);
  export const file = async (path: string) => {
    while (!(await Bun.file(path).exists())) await Bun.sleep(10);
    return "found";
  };`;

const upgraded = (release: LaterRelease, db: TestDatabase, ...options: string[]) =>
  release.run(db, "/", "migrate", ...options);

/** A pool that runs a job until the file `path` exists. */
async function runsJob(cli: Commands, { sql }: TestDatabase) {
  await cli.write("jobs.ts", jobs);
  const path = `${cli.folder}/wanted`;
  await cli.runWith({ input: JSON.stringify([[path]]) }, "post", "jobs.ts#file", "-");
  const pool = cli.start("pool", "-j", "1");
  await until("the job runs", async () => (await sql`select from pdoflow.lease`).length > 0);
  return { path, pool };
}

const isDraining = async ({ sql }: TestDatabase) =>
  (await sql`select from pdoflow.pool where state = 'draining'`).length > 0;

const tooOld = (command: string) =>
  `pdoflow ${command}: schema "pdoflow" supports programs for its version 2 or newer; ` +
  "this pdoflow is for version 1. Upgrade pdoflow on this machine.\n";

describe("a step that adds to the schema", () => {
  test("the next release needs it; this one works on, and migrate finds nothing to do", async () => {
    await using db = await freshDatabase();
    using cli = await openCommands(db);
    await cli.write("jobs.ts", jobs);
    const { code, err } = await v2.run(db, cli.folder, "pool", "--once");
    expect(err).toContain('has schema "pdoflow" at version 1; this pdoflow needs version 2');
    expect([code, err]).toEqual([3, expect.stringContaining("Run: pdoflow migrate")]);
    expect((await upgraded(v2, db)).err).toStartWith("applied 0002_expand to schema pdoflow");
    expect((await cli.run("migrate")).err).toContain("is up to date");
    expect(await cli.run("post", "jobs.ts#nap", "--each", "1-5")).toMatchObject({ code: 0 });
    expect(await cli.run("pool", "--once")).toMatchObject({ code: 0 });
    expect(await v2.run(db, cli.folder, "wait", "1")).toMatchObject({ code: 0 });
  });

  test("an upgraded schema equals a new one", async () => {
    await using old = await freshDatabase();
    await using empty = await freshDatabase();
    await empty.sql`drop schema pdoflow cascade`;
    for (const db of [old, empty]) expect(await upgraded(v2, db)).toMatchObject({ code: 0 });
    expect(await catalogOf(old.sql)).toEqual(await catalogOf(empty.sql));
  });
});

describe("a step that removes what older pools use", () => {
  test("is held back while such a pool lives, and applied by the next migrate", async () => {
    await using db = await freshDatabase();
    using cli = await openCommands(db);
    const pool = cli.start("pool", "-j", "1");
    await said(pool, "1 worker");
    const first = await upgraded(v3, db);
    expect(first).toMatchObject({ code: 0 });
    expect(first.err).toMatch(/^applied 0002_expand to/);
    expect(first.err).toMatch(
      /^held back 0003_contract, .*: pool 1 on \S+ \(0\.1\.0 \(source\)\)\. Upgrade these pools/m,
    );
    expect((await v2.run(db, "/", "status")).code).toBe(0);
    pool.kill("SIGTERM");
    expect(await pool.exited).toBe(0);
    expect((await upgraded(v3, db)).err).toStartWith("applied 0003_contract");
    expect(await cli.run("pool", "--once")).toMatchObject({ code: 3, err: tooOld("pool") });
    expect(await cli.run("list")).toMatchObject({ code: 3, err: tooOld("list") });
    expect((await v2.run(db, "/", "list")).code).toBe(0);
  });

  test("--end-older-pools lets them finish their running jobs first", async () => {
    await using db = await freshDatabase();
    using cli = await openCommands(db);
    const { path, pool } = await runsJob(cli, db);
    const migrate = v3.start(db, "/", "migrate", "--end-older-pools");
    await said(migrate, "waiting until these older pools have ended: pool 1 on ");
    await until("the pool drains", () => isDraining(db));
    expect(await cli.run("pool", "--once")).toMatchObject({ code: 3, err: tooOld("pool") });
    await Bun.write(path, "");
    expect(await pool.exited).toBe(3);
    const log = await textOf(pool.stderr);
    expect(log).toContain("pool: a newer pdoflow changes the schema: releasing waiting jobs");
    expect(log).toEndWith(tooOld("pool"));
    expect(await migrate.exited).toBe(0);
    const [job] = await db.sql`select state::text, attempt from pdoflow.outcome`;
    expect(job).toEqual({ state: "done", attempt: 1 });
    const [row] = await db.sql`select to_regproc('pdoflow.pool_heartbeat') is null as is_removed`;
    expect(row).toEqual({ isRemoved: true });
  });

  test("if it is stopped while it waits, older pools can start again", async () => {
    await using db = await freshDatabase();
    using cli = await openCommands(db);
    const { path, pool } = await runsJob(cli, db);
    const migrate = v3.start(db, "/", "migrate", "--end-older-pools");
    await until("the pool drains", () => isDraining(db));
    migrate.kill("SIGINT");
    expect(await migrate.exited).toBe(130);
    await Bun.write(path, "");
    expect(await pool.exited).toBe(3);
    expect(await cli.run("pool", "--once")).toMatchObject({ code: 0 });
  });

  test("a pool whose functions are gone without notice ends, and says why", async () => {
    await using db = await freshDatabase();
    using cli = await openCommands(db);
    const pool = cli.start("pool", "-j", "1");
    await until("it has registered", async () => (await db.sql`select from pdoflow.pool`).length);
    await db.sql.begin(async (sql) => {
      await sql`insert into pdoflow.migration (number, name, compatible_since)
        values (3, 'contract', 2)`;
      await sql`drop function pdoflow.pool_heartbeat`;
      await sql`select pg_notify('pdoflow.changed', '')`; // it sends a heartbeat
    });
    expect(await pool.exited).toBe(3);
    expect(await textOf(pool.stderr)).toEndWith(tooOld("pool"));
  });

  test("a program that needs it refuses, names the pools, and changes nothing", async () => {
    using strict = release3({ isNeeded: true });
    await using db = await freshDatabase();
    using cli = await openCommands(db);
    const pool = cli.start("pool", "-j", "1");
    await said(pool, "1 worker");
    const { code, err } = await upgraded(strict, db);
    expect(code).toBe(3);
    expect(err).toMatch(
      /^pdoflow migrate: expected no pools of older versions, because 0003_contract /,
    );
    expect(err).toMatch(/found pool 1 on \S+ \(0\.1\.0 \(source\)\)\. Nothing was changed\. /);
    const [row] = await db.sql`select max(number) as version from pdoflow.migration`;
    expect(row).toEqual({ version: 1 });
    pool.kill("SIGTERM");
    await pool.exited;
  });
});
