import { expect, test } from "bun:test";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { openProxy } from "../../proxy.ts";
import { type Cli, openCli, until } from "../cli.ts";

const jobs = 3_000;

async function postJobs(cli: Cli, url: string): Promise<void> {
  await cli.write(
    "nap.ts",
    "export async function nap(i: number) { await Bun.sleep(1); return i; }",
  );
  const input = Array.from({ length: jobs }, (_, i) => `[${i}]\n`).join("");
  const posted = await cli.runWith(
    { input, env: { PDOFLOW_DATABASE_URL: url } },
    "post",
    "nap.ts#nap",
    "-",
  );
  expect(posted).toMatchObject({ code: 0, err: "" });
}

const ended = (sql: TestDatabase["sql"], least: number) =>
  until(
    `${least} outcomes`,
    async () => {
      const [row] = await sql`select count(*)::int as n from pdoflow.outcome`;
      return row?.["n"] >= least;
    },
    40_000,
  );

/** Each job has ended once, at its first attempt, and nothing is left over. */
async function expectAllDone(sql: TestDatabase["sql"]): Promise<void> {
  await until(
    "the posting to end",
    async () => {
      const [row] = await sql`select state from pdoflow.posting`;
      return row?.["state"] === "finished";
    },
    40_000,
  );
  const [row] = await sql`
    select (select done from pdoflow.posting) as done,
           (select count(*) from pdoflow.outcome where state = 'done')::int as outcomes,
           (select max(attempt) from pdoflow.outcome) as attempts,
           (select count(*) from pdoflow.lease where active)::int as held`;
  expect(row).toEqual({ done: jobs, outcomes: jobs, attempts: 1, held: 0 });
}

test("backends that are terminated again and again cost nothing but time", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await postJobs(cli, db.url);
  const pool = cli.start("pool", "--max-workers", "2");
  for (let round = 1; round <= 5; round++) {
    await ended(db.sql, round * 200);
    await db.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`;
  }
  await expectAllDone(db.sql);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
}, 180_000);

test("a network that swallows packets while a pool starts: it says so and ends with 3", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  using cli = await openCli({ ...db, url: proxy.url });
  proxy.freezeAt("migration"); // the look at the schema, after the log-in
  const pool = await cli.run("pool");
  expect(pool).toMatchObject({ code: 3, out: "" });
  expect(pool.err).toContain("no answer in time");
}, 60_000);
