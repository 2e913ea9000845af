// A flow that a failover loses while a command waits for it.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { until } from "../../db/locks.ts";
import { type Commands, openCommands } from "../in-process.ts";

let db: TestDatabase;
let cli: Commands;
beforeAll(async () => {
  db = await freshDatabase();
  cli = await openCommands(db);
  await cli.write(
    "night.toml",
    'name = "night"\n[stage.first]\nrun = "a.ts#a"\neach = "1-3"\n' +
      '[stage.second]\nrun = "a.ts#a"\nafter = "first"\n',
  );
});
afterAll(async () => {
  cli[Symbol.dispose]();
  await db[Symbol.asyncDispose]();
});

/** Removes a flow as if it had never been posted. */
const lose = (id: string) =>
  db.db.sql.begin(async (sql) => {
    await sql`set local session_replication_role = replica`;
    await sql`delete from pdoflow.posting where flow_id = ${id}`;
    await sql`delete from pdoflow.flow where id = ${id}`;
  });

/** Resolves once `flow wait` has read its flow for the first time: then it listens. */
const untilWaiting = () =>
  until("flow wait to listen", async () => {
    const listening = await db.db.sql`
      select from pg_stat_activity
      where datname = current_database() and query ilike 'listen%ended%'`;
    return listening.length > 0;
  });

/** The end of `flow wait` for a new flow, to which `change` is done meanwhile. */
async function endOfWait(change: (id: string) => Promise<unknown>, ...options: string[]) {
  const id = (await cli.run("flow", "post", "night.toml", "--no-check")).out.trim();
  const ended = cli.run("flow", "wait", id, ...options);
  await untilWaiting();
  await change(id);
  return { id, ...(await ended) };
}

test.each(["--color=never", "--json"])(
  "flow wait %s fails if its flow was lost",
  async (option) => {
    const { id, code, out, err } = await endOfWait(lose, option);
    expect({ code, out }).toEqual({ code: 4, out: "" });
    expect(err).toContain(`Expected the postings of flow ${id}, found them gone or replaced`);
  },
);

test("flow wait fails if other postings have the numbers of those of its flow", async () => {
  const replace = (id: string) =>
    db.db.sql`update pdoflow.posting set token = token + 1 where flow_id = ${id}`;
  const { code, out, err } = await endOfWait(replace, "--timeout", "5s");
  expect({ code, out }).toEqual({ code: 4, out: "" });
  expect(err).toContain("found them gone or replaced");
});

test("flow wait writes no report of a lost flow after its timeout", async () => {
  // The timeout passes before the second poll, but after the check that listening brings.
  const words = ["--timeout", "900ms", "--report", "night.html"];
  const id = (await cli.run("flow", "post", "night.toml", "--no-check")).out.trim();
  const ended = cli.run("flow", "wait", id, ...words);
  await Bun.sleep(600);
  await lose(id);
  expect(await ended).toMatchObject({ code: 4 });
  expect(existsSync(join(cli.folder, "night.html"))).toBe(false);
});
