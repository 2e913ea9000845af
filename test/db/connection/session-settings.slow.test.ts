import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { openDatabase } from "../../../src/db/connection/open.ts";
import { sessionSettings } from "../../../src/db/connection/session-settings.ts";
import { close, postWork } from "../../../src/index.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { openCommands } from "../../cli/in-process.ts";

/**
 * Settings for a role or a database, each of which once broke something, and our session's value
 * instead; null if it works with that.
 */
const settings: readonly (readonly [name: string, value: string, ours: string | null])[] = [
  ["default_transaction_isolation", "'repeatable read'", "read committed"],
  ["default_transaction_isolation", "serializable", "read committed"],
  ["default_transaction_read_only", "on", "off"],
  ["statement_timeout", "'1s'", "0"],
  ["statement_timeout", "'20ms'", "0"],
  ["lock_timeout", "'200ms'", "0"],
  ["idle_in_transaction_session_timeout", "'1s'", "0"],
  ["idle_session_timeout", "'2s'", "0"],
  ["transaction_timeout", "'1s'", "0"],
  ["default_tablespace", "pg_default", null],
  ["search_path", "''", '""'],
  ["DateStyle", "'SQL, DMY'", "ISO, MDY"],
  ["TimeZone", "'Australia/Lord_Howe'", null],
  ["bytea_output", "escape", "hex"],
  ["client_encoding", "latin1", "UTF8"],
  ["standard_conforming_strings", "off", "on"],
  ["array_nulls", "off", "on"],
  ["row_security", "off", "on"],
  ["jit", "on", "off"],
  ["enable_indexscan", "off", "on"],
  ["enable_indexonlyscan", "off", "on"],
  ["enable_bitmapscan", "off", "on"],
  ["enable_nestloop", "off", "on"],
  ["work_mem", "'64kB'", null],
];

const allLines = settings.map(([name, value]) => `${name} = ${value}`);

const jobFile = `export const double = (i: number) => i * 2;
export function fails(i: number) { throw new Error("no " + i); }`;

/** A database with these settings, and the binary in a folder with `jobs.ts`. */
async function open(...lines: readonly string[]) {
  const db = await freshDatabase();
  for (const line of lines) await db.sql.unsafe(`alter database ${db.name} set ${line}`);
  const cli = await openCommands(db);
  await cli.write("jobs.ts", jobFile);
  return {
    db,
    cli,
    async [Symbol.asyncDispose]() {
      cli[Symbol.dispose]();
      await db[Symbol.asyncDispose]();
    },
  };
}

describe("a session begins with the settings that it needs, whatever was set for the database", () => {
  let db: TestDatabase;
  beforeAll(async () => void (db = await freshDatabase()));
  afterAll(() => db[Symbol.asyncDispose]());

  test.each(settings)("%s = %s", async (name, value, ours) => {
    await db.sql.unsafe(`alter database ${db.name} set ${name} = ${value}`);
    try {
      await using opened = await openDatabase(db.db.target, { connections: 1 });
      const [row] = await opened.sql<{ found: string }[]>`
        select current_setting(${name}) as found`;
      expect(row?.found).toBe(ours ?? value.replaceAll("'", ""));
    } finally {
      await db.sql.unsafe(`alter database ${db.name} reset ${name}`);
    }
  });

  test("the list has no other setting", () => {
    const tested = new Set(settings.map(([name]) => name));
    expect(sessionSettings.map(([name]) => name).filter((name) => !tested.has(name))).toEqual([]);
  });
});

test("three pools at once claim correctly if transactions are repeatable read by default", async () => {
  await using at = await open("default_transaction_isolation = 'repeatable read'");
  expect(await at.cli.run("post", "jobs.ts#double", "--each", "1-20000")).toMatchObject({
    code: 0,
    out: "1\n",
  });
  const pools = [1, 2, 3].map(() => at.cli.run("pool", "--once", "--max-workers", "1"));
  const ended = await Promise.all(pools);
  expect(ended.map(({ code, err }) => (code === 0 ? 0 : err))).toEqual([0, 0, 0]);
  const [row] = await at.db.sql`select count(*)::int as done from pdoflow.outcome`;
  expect(row).toEqual({ done: 20_000 });
}, 60_000);

/** A line for each command that talks to the database; the first posts, the second runs. */
const lines: readonly [exitCode: number, line: string][] = [
  [0, "post jobs.ts#double --each 1-5"],
  [0, "post jobs.ts#fails --each 1-2 --max-attempts 1"],
  [1, "pool --once --max-workers 3"],
  [0, "status"],
  [0, "status 1"],
  [0, "list"],
  [0, "depth"],
  [0, "jobs 1"],
  [0, "failures 2"],
  [0, "results 1"],
  [0, "logs 2"],
  [0, "explain 1/1"],
  [0, "retry 2 --failed"],
  [0, "pause 2"],
  [0, "resume 2"],
  [0, "set-priority 2 3"],
  [0, "cancel 2 --yes"],
  [0, "wait 1"],
  [0, "pools"],
  [0, "priority-stats"],
  [0, "vars set a 1"],
  [0, "vars get a"],
  [0, "vars list"],
  [0, "top --once"],
  [1, "doctor"], // it sees the settings of the database,
  [0, "run jobs.ts#double --each 1-3"],
  [0, "prune --older-than 0s --yes"],
];

test("every command works if all of these settings are wrong at once", async () => {
  await using at = await open(...allLines);
  await at.db.sql`drop schema pdoflow cascade`;
  expect(await at.cli.run("migrate")).toMatchObject({ code: 0 });
  const ended: (readonly [number, string])[] = [];
  for (const [, line] of lines) {
    const { code, err } = await at.cli.run(...line.split(" "));
    ended.push([code, code < 2 ? line : `${line}: ${err}`]);
  }
  expect(ended).toEqual([...lines]);
}, 60_000);

test("the library works there too", async () => {
  await using at = await open(...allLines);
  const { url } = at.db;
  const options = { db: url, root: at.cli.folder };
  const posting = await postWork("jobs.ts#double", [[1], [2]], [], options);
  expect(await at.cli.run("pool", "--once", "--max-workers", "3")).toMatchObject({ code: 0 });
  expect(await posting.wait({ timeoutMs: 30_000 })).toMatchObject({ done: 2 });
  expect(await Array.fromAsync(posting.results(), ({ result }) => result)).toEqual([2, 4]);
  await close();
}, 60_000);
