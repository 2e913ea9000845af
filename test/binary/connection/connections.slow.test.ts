import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openProxy } from "../../proxy.ts";
import { openCli } from "../cli.ts";
import { postJobs, ended, expectAllDone } from "./many-jobs.ts";

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
