import { expect, test } from "bun:test";

import { connect } from "../../../src/db/connection/connect.ts";
import { migrate } from "../../../src/db/admin/migrations.ts";
import { ensureServer, stopServer } from "../../../src/server/server.ts";
import { freshDatabase } from "../../database.ts";
import { openProxy } from "../../proxy.ts";
import { openCli } from "../cli.ts";
import { postJobs, ended, expectAllDone } from "./many-jobs.ts";
import { ownServer } from "../../server/own-server.ts";

test("a pool uses three connections, however many workers it has", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await postJobs(cli, db.url);
  const count = async () => {
    const [row] = await db.sql`
      select count(*)::int as n from pg_stat_activity where datname = current_database()`;
    return row?.["n"] as number;
  };
  const own = await count();
  const pool = cli.start("pool", "--max-workers", "8");
  await ended(db.sql, 100);
  expect((await count()) - own).toBe(3);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
}, 120_000);

test("a server that restarts in the middle loses nothing", async () => {
  await using server = await ownServer();
  const { db, place, target, url } = server;
  await migrate(db);
  using cli = await openCli({ url });
  await postJobs(cli, url);
  const pool = cli.start("pool", "--max-workers", "2");
  await ended(db.sql, 300);
  await stopServer(place);
  await ensureServer(place);
  await using looking = connect(target, { connections: 1 });
  await expectAllDone(looking.sql);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
}, 180_000);

test("cut connections are made again, and statements that were sent twice take effect once", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  using cli = await openCli({ ...db, url: proxy.url });
  await postJobs(cli, db.url);
  const pool = cli.start("pool", "--max-workers", "2");
  for (let round = 1; round <= 10; round++) {
    await ended(db.sql, round * 150);
    proxy.cut();
  }
  await expectAllDone(db.sql);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
}, 180_000);
