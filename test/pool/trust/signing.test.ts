// Signed postings, and pools that only trust them (docs/signing.md).
import { expect, test } from "bun:test";
import { copyFileSync, rmSync, writeFileSync } from "node:fs";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { said, until } from "../../binary/cli.ts";
import { expectRefused, openSigning, postingOf } from "./signing.ts";

test("a pool with --trust runs signed postings, in blocks, in parts of blocks and by priority", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  const large = await cli.post(4_321, "--pin");
  const small = await cli.post(
    1,
    "--max-attempts",
    "2",
    "--max-running",
    "1",
    "--max-rate",
    "100/s",
  );
  await cli.write(
    "jobs.csv",
    `i,p\n${Array.from({ length: 2_500 }, (_, i) => `${i},${i % 7}\n`).join("")}`,
  );
  const sorted = await cli.run(
    ...["post", "fn.ts#fn", "jobs.csv", "--no-check", "--sign", "ann.key"],
    ...["--priority-column", "p", "--positional", "--key", "once"],
  );
  expect(sorted.err).toBe("");
  expect(await cli.drain()).not.toContain("refused");
  expect(await postingOf(db, large)).toMatchObject({ state: "finished", done: 4_321 });
  expect(await postingOf(db, small)).toMatchObject({ state: "finished", done: 1 });
  expect(await postingOf(db, Number(sorted.out))).toMatchObject({ state: "finished", done: 2_500 });
});

test("refused: a posting that is not signed", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  const { out } = await cli.runWith({ input: "[[1]]" }, "post", "fn.ts#fn", "-");
  await expectRefused(db, cli, Number(out), "it is not signed");
});

test("refused: a key that is not trusted, one that was taken away, and one that was revoked", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  const stranger = (await cli.run("keys", "new", "stranger.key")).out.trim();
  const unknown = await cli.post(1, "--sign", "stranger.key");
  await expectRefused(db, cli, unknown, `a key that is not trusted (${stranger})`);
  copyFileSync(cli.path("stranger.key.pub"), cli.path("keys.d/stranger.pub"));
  await cli.run("resume", String(unknown));
  await cli.drain();
  expect(await postingOf(db, unknown)).toMatchObject({ state: "finished" });
  writeFileSync(cli.path("keys.d/revoked"), `${stranger} # left us\n`, { mode: 0o644 });
  const revoked = await cli.post(1, "--sign", "stranger.key");
  await expectRefused(db, cli, revoked, `a key that was revoked (${stranger})`);
  rmSync(cli.path("keys.d/revoked"));
  rmSync(cli.path("keys.d/stranger.pub"));
  const removed = await cli.post(1, "--sign", "stranger.key");
  await expectRefused(db, cli, removed, `a key that is not trusted (${stranger})`);
});

async function refusals({ sql }: TestDatabase): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::integer as count from pdoflow.refusal where reason like '%was revoked%'`;
  return row?.count ?? 0;
}

test("a key that is revoked while the pool runs is trusted no more", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  const pool = cli.start("pool", "--max-workers", "1", "--trust", "keys.d");
  await said(pool, "1 worker, root");
  const first = await cli.post(1);
  await until("the first", async () => (await postingOf(db, first)).state === "finished");
  writeFileSync(cli.path("keys.d/revoked"), `${cli.keyId}\n`, { mode: 0o644 });
  await until("a refusal", async () => {
    await cli.post(1);
    return (await refusals(db)) > 0;
  });
  pool.kill("SIGTERM");
  await pool.exited;
});

test("refused: a posting with --pin whose code, or a file it imports, has changed", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  for (const file of ["fn.ts", "lib/half.ts"]) {
    const text = await Bun.file(cli.path(file)).text();
    const pinned = await cli.post(3, "--pin");
    const free = await cli.post(3);
    await cli.write(file, `${text}\n// another`);
    await expectRefused(
      db,
      cli,
      pinned,
      "the code of fn.ts#fn differs from the code that its poster had",
    );
    expect(await postingOf(db, free)).toMatchObject({ state: "finished" });
    await cli.write(file, text);
    await cli.run("resume", String(pinned));
    await cli.drain();
    expect(await postingOf(db, pinned)).toMatchObject({ state: "finished", done: 3 });
  }
});

test("workers that have imported older code don't run a posting that is pinned to newer", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  await cli.write("fn.ts", "export const fn = () => 'old';");
  const pool = cli.start("pool", "--max-workers", "1", "--trust", "keys.d");
  await said(pool, "1 worker, root");
  const ended = (id: number) =>
    until("its end", async () => (await postingOf(db, id)).state === "finished");
  await ended(await cli.post(1));
  await cli.write("fn.ts", "export const fn = () => 'new';");
  const pinned = await cli.post(1, "--pin");
  await ended(pinned);
  const [row] = await db.sql`select result from pdoflow.outcome where posting_id = ${pinned}`;
  expect(row?.["result"]).toBe("new");
  pool.kill("SIGTERM");
  await pool.exited;
});
