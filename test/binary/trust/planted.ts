// A password that is planted wherever one may be.
import { expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { type Cli, type Ended, openCli } from "../cli.ts";

const planted = "hunter2-planted-secret";

export interface Place {
  name: string;
  /** Puts it there, and releases the environment that leads to it. */
  plant: (url: URL, home: string) => Record<string, string>;
}

const parameters = (url: URL) => ({
  PGHOST: url.searchParams.get("host") ?? "",
  PGPORT: url.searchParams.get("port") ?? "",
  PGUSER: url.searchParams.get("user") ?? "",
  PGDATABASE: decodeURIComponent(url.pathname.slice(1)),
});

function writePrivately(file: string, text: string): void {
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, text, { mode: 0o600 });
}

export const places: readonly Place[] = [
  {
    name: "PDOFLOW_DATABASE_URL",
    plant(url) {
      url.searchParams.set("password", planted);
      return { PDOFLOW_DATABASE_URL: url.href };
    },
  },
  {
    name: "DATABASE_URL",
    plant(url) {
      url.searchParams.set("password", planted);
      return { DATABASE_URL: url.href };
    },
  },
  { name: "PGPASSWORD", plant: (url) => ({ ...parameters(url), PGPASSWORD: planted }) },
  {
    name: "~/.pgpass",
    plant(url, home) {
      writePrivately(join(home, ".pgpass"), `*:*:*:*:${planted}\n`);
      return parameters(url);
    },
  },
  {
    name: "db.conf",
    plant(url, home) {
      const { PGHOST, PGPORT, PGUSER, PGDATABASE } = parameters(url);
      writePrivately(
        join(home, ".config/pdoflow/db.conf"),
        `host=${PGHOST}\nport=${PGPORT}\nuser=${PGUSER}\ndbname=${PGDATABASE}\npassword=${planted}\n`,
      );
      return {};
    },
  },
];

/** The output of commands that succeed, and of commands that can't reach the server. */
async function sayAll(cli: Cli, env: Record<string, string>): Promise<Ended[]> {
  const all: Ended[] = [];
  const run = async (...args: string[]) =>
    all.push(await cli.runWith({ input: "[[1]]", env }, ...args));
  for (const json of [[], ["--json"]]) {
    await run("post", "fn.ts#fail", "-", "--max-attempts", "1", "--verbose", ...json);
    await run("pool", "--once", "--max-workers", "1", "--verbose", ...json);
    for (const command of ["status", "config", "doctor", "list", "failures"]) {
      await run(command, "--verbose", ...json);
    }
    await run("logs", "1", ...json);
    await run("explain", "1/0", ...json);
  }
  const astray = { ...env, PGSSLMODE: "verify-full", PGPORT: "1", PGCONNECT_TIMEOUT: "2" };
  for (const command of ["status", "config", "doctor"]) {
    all.push(await cli.runWith({ env: astray }, command, "--verbose"));
  }
  for (const url of [
    `postgres://u:${planted}@[::1/x`,
    `postgres://u:${planted}@localhost:1/x?sslmode=no`,
  ]) {
    all.push(await cli.runWith({ env: { ...env, PDOFLOW_DATABASE_URL: url } }, "status"));
  }
  return all;
}

/** Everything in all tables of the queue, and the statements of its sessions. */
async function allOfTheDatabase({ sql }: TestDatabase): Promise<string> {
  const tables = await sql<{ name: string }[]>`
    select c.relname::text as name from pg_class c
    where c.relkind = 'r' and c.relnamespace = 'pdoflow'::regnamespace`;
  expect(tables.length).toBeGreaterThan(5);
  const texts = [];
  for (const { name } of tables) {
    const rows = await sql`select t::text from pdoflow.${sql(name)} t`;
    texts.push(JSON.stringify(rows));
  }
  return texts.join("\n") + JSON.stringify(await sql`select * from pg_stat_activity`);
}

/** Plants the password there, runs a job and commands, and looks for it in everything. */
export async function expectHidden({ plant }: Place): Promise<void> {
  await using db = await freshDatabase();
  using cli = await openCli(null);
  const env = { HOME: cli.folder, ...plant(new URL(db.url), cli.folder) };
  await cli.write(
    "fn.ts",
    `export function fail() { console.log(process.env);
       for (const file of ["environ", "cmdline"]) {
         console.log(file, require("node:fs").readFileSync("/proc/self/" + file, "utf8"));
       }
       const fs = require("node:fs");
       const told = fs.readdirSync("/proc").filter((name) => /^\\d+$/.test(name)).map((pid) => {
         try { return fs.readFileSync("/proc/" + pid + "/cmdline", "utf8"); } catch { return ""; }
       });
       const word = ["hunter2", "planted", "secret"].join("-");
       console.log("in arguments:", told.filter((line) => line.includes(word)).length);
       console.log("processes:", told.filter((line) => line.includes("pdoflow")).length);
       throw new Error(JSON.stringify(process.env)); }`,
  );
  const said = await sayAll(cli, env);
  for (const { out, err } of said) expect(out + err).not.toContain(planted);
  expect(said[1]?.err).toContain("1 failed"); // the way to the server was found
  const stored = await allOfTheDatabase(db);
  // The start arguments of the worker, as the job printed them.
  expect(stored).toMatch(/environ .*PATH=/);
  expect(stored).toMatch(/cmdline .*worker/);
  expect(stored).toMatch(/in arguments: 0\\+nprocesses: [1-9]/);
  expect(stored).not.toContain(planted);
}
