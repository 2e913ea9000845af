import { expect, test } from "bun:test";

import { close, postWork } from "../../src/index.ts";
import { freshDatabase } from "../database.ts";
import { type Cli, openCli } from "./cli.ts";

/** What people set for a role or a database, each of which has broken something once. */
const settings = [
  "default_transaction_isolation = 'repeatable read'",
  "default_transaction_isolation = serializable",
  "default_transaction_read_only = on",
  "statement_timeout = '1s'",
  "statement_timeout = '20ms'",
  "lock_timeout = '200ms'",
  "idle_in_transaction_session_timeout = '1s'",
  "idle_session_timeout = '2s'",
  "default_tablespace = pg_default",
  "search_path = ''",
  "DateStyle = 'SQL, DMY'",
  "TimeZone = 'Australia/Lord_Howe'",
  "bytea_output = escape",
  "client_encoding = latin1",
  "standard_conforming_strings = off",
  "row_security = off",
  "jit = on",
  "enable_indexscan = off",
  "work_mem = '64kB'",
] as const;

const jobFile = `export const double = (i: number) => i * 2;
export function fails(i: number) { throw new Error("no " + i); }`;

/** A database with these settings, and the binary in a folder with `jobs.ts`. */
async function open(...lines: readonly string[]) {
  const db = await freshDatabase();
  for (const line of lines) await db.sql.unsafe(`alter database ${db.name} set ${line}`);
  const cli = await openCli(db);
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

const ok = (out: unknown = expect.any(String)) => ({ code: 0, out, err: expect.any(String) });

async function runAll(cli: Cli): Promise<void> {
  expect(await cli.run("post", "jobs.ts#double", "--each", "1-300")).toEqual(ok("1\n"));
  expect(await cli.run("pool", "--once", "--max-workers", "3")).toEqual(ok());
  const { code, out } = await cli.run("results", "1");
  expect(code).toBe(0);
  expect(out.trim().split("\n")).toHaveLength(300);
}

test.each(settings)(
  "a database with %s: a pool with three workers does what was posted",
  async (line) => {
    await using at = await open(line);
    await runAll(at.cli);
  },
  60_000,
);

test("three pools at once claim as they should where transactions are serializable", async () => {
  await using at = await open("default_transaction_isolation = serializable");
  expect(await at.cli.run("post", "jobs.ts#double", "--each", "1-20000")).toEqual(ok("1\n"));
  const pools = [1, 2, 3].map(() => at.cli.run("pool", "--once", "--max-workers", "1"));
  expect((await Promise.all(pools)).map(({ code }) => code)).toEqual([0, 0, 0]);
  const [row] = await at.db.sql`select count(*)::int as done from pdoflow.outcome`;
  expect(row).toEqual({ done: 20_000 });
}, 60_000);

/** A line for each command that talks to the database; the first posts, the second runs. */
const lines: readonly [exitCode: number, line: string][] = [
  [0, "post jobs.ts#double --each 1-5"],
  [0, "post jobs.ts#fails --each 1-2 --tries 1"],
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
  [1, "doctor"], // it sees what was set for the database,
  [0, "run jobs.ts#double --each 1-3"],
  [0, "prune --older-than 0s --yes"],
];

test("every command works where all of these settings are wrong at once", async () => {
  await using at = await open(...settings);
  await at.db.sql`drop schema pdoflow cascade`;
  expect(await at.cli.run("migrate")).toEqual(ok());
  const ended: (readonly [number, string])[] = [];
  for (const [, line] of lines) {
    const { code, err } = await at.cli.run(...line.split(" "));
    ended.push([code, code < 2 ? line : `${line}: ${err}`]);
  }
  expect(ended).toEqual([...lines]);
}, 60_000);

test("the library works there too", async () => {
  await using at = await open(...settings);
  const { url } = at.db;
  const options = { db: url, root: at.cli.folder };
  const posting = await postWork("jobs.ts#double", [[1], [2]], [], options);
  expect(await at.cli.run("pool", "--once", "--max-workers", "3")).toEqual(ok());
  expect(await posting.wait({ timeoutMs: 30_000 })).toMatchObject({ done: 2 });
  expect(await Array.fromAsync(posting.results(), ({ result }) => result)).toEqual([2, 4]);
  await close();
}, 60_000);
