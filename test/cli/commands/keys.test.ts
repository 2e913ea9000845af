import { expect, test } from "bun:test";
import { chmodSync, copyFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../in-process.ts";
import { openSigning } from "../../pool/trust/signing.ts";

test("keys: a private key is its owner's alone, and files are never overwritten", async () => {
  using cli = await openCommands(null);
  const path = (name: string) => join(cli.folder, name);
  const made = await cli.run("keys", "new", "my.key");
  expect(made).toMatchObject({ code: 0 });
  expect(statSync(path("my.key")).mode & 0o777).toBe(0o600);
  expect((await cli.run("keys", "new", "my.key")).err).toContain("left it unchanged");
  for (const file of ["my.key", "my.key.pub"]) {
    expect((await cli.run("keys", "show", file)).out).toBe(made.out);
  }
  chmodSync(path("my.key"), 0o640);
  const post = await cli.run("post", "fn.ts#fn", "--args", "1", "--no-check", "--sign", "my.key");
  expect(post).toMatchObject({ code: 2, out: "" });
  expect(post.err).toContain("expected a file that only its owner can read");
  const pin = await cli.run("post", "fn.ts#fn", "--args", "1", "--pin");
  expect(pin).toMatchObject({ code: 2, out: "" });
  expect(pin.err).toContain("expected --sign KEYFILE together with --pin");
});

test("keys: a folder that is not to be trusted is refused before a pool is started", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  const pool = () => cli.run("pool", "--once", "--trust", "keys.d");
  expect((await cli.run("keys", "list", "keys.d")).out).toMatch(/\ntrusted|trusted/);
  writeFileSync(cli.path("keys.d/odd.pub"), "no key", { mode: 0o644 });
  expect((await pool()).err).toContain("expected a public key of Ed25519");
  copyFileSync(cli.path("ann.key"), cli.path("keys.d/odd.pub"));
  chmodSync(cli.path("keys.d/odd.pub"), 0o600);
  expect((await pool()).err).toContain("expected a public key, found a private one");
  rmSync(cli.path("keys.d/odd.pub"));
  writeFileSync(cli.path("keys.d/revoked"), "ann\n", { mode: 0o644 });
  expect((await pool()).err).toContain("expected a key in each line");
  rmSync(cli.path("keys.d/revoked"));
  chmodSync(cli.path("keys.d"), 0o777);
  expect(await pool()).toMatchObject({ code: 2 });
  expect((await pool()).err).toContain("chmod go-w");
  rmSync(cli.path("keys.d"), { recursive: true });
  expect(await pool()).toMatchObject({ code: 4 });
});
