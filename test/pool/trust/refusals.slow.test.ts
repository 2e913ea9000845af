// Other pools may run a posting that one refuses; it checks again when something has changed.
import { expect, test } from "bun:test";
import { copyFileSync } from "node:fs";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { said, until } from "../../binary/cli.ts";
import { openSigning, postingOf } from "./signing.ts";

const ended = (db: TestDatabase, id: number) =>
  until("its end", async () => (await postingOf(db, id)).state === "finished");

const refused = (db: TestDatabase, id: number) =>
  until("a refusal", async () => (await postingOf(db, id)).reason.startsWith("refused by"));

const leases = async ({ sql }: TestDatabase, id: number) => {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::integer as count from pdoflow.lease where ${id} = any (posting_ids)`;
  return row?.count ?? 0;
};

test("a posting that one pool refuses runs in another, and the first claims only one lease of it", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  const { out } = await cli.runWith({ input: "[[1],[2],[3]]" }, "post", "fn.ts#fn", "-");
  const id = Number(out);
  const picky = cli.start("pool", "--max-workers", "1", "--trust", "keys.d");
  await refused(db, id);
  await ended(db, await cli.post(1)); // the pool goes on with others, and claims again
  expect(await leases(db, id)).toBe(1);
  const other = await cli.run("pool", "--once", "--max-workers", "1");
  expect(other.code).toBe(0);
  expect(await postingOf(db, id)).toMatchObject({ state: "finished", done: 3 });
  picky.kill("SIGTERM");
  expect(await picky.exited).toBe(0);
});

test("a pool checks refused postings again once it trusts the key", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  await cli.run("keys", "new", "bob.key");
  const pool = cli.start("pool", "--max-workers", "1", "--trust", "keys.d");
  await said(pool, "1 worker, root");
  const unknown = await cli.post(1, "--sign", "bob.key");
  await refused(db, unknown);
  copyFileSync(cli.path("bob.key.pub"), cli.path("keys.d/bob.pub"));
  await ended(db, unknown);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
});

test("a posting that a running pool refused for its code is run once it is resumed", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  const code = await Bun.file(cli.path("fn.ts")).text();
  const pinned = await cli.post(2, "--pin");
  await cli.write("fn.ts", `${code}\n`);
  const pool = cli.start("pool", "--max-workers", "1", "--trust", "keys.d");
  await refused(db, pinned);
  await cli.write("fn.ts", code);
  expect((await cli.run("resume", String(pinned))).code).toBe(0);
  await ended(db, pinned);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
});

test("postings that a pool refuses are refused together, not one for each claim", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  await db.sql`select pdoflow.post('fn.ts#other', '[[1]]') from generate_series(1, 40)`;
  const pool = await cli.run("pool", "--once", "--max-workers", "1", "--trust", "keys.d");
  expect(pool.code).toBe(1);
  expect(pool.err.match(/was refused: it is not signed/g)).toHaveLength(40);
  const [row] = await db.sql<{ refusals: number; leases: number }[]>`
    select (select count(*)::integer from pdoflow.refusal) as refusals,
           (select count(*)::integer from pdoflow.lease) as leases`;
  expect(row?.refusals).toBe(40);
  expect(row?.leases).toBeWithin(1, 10);
});
