import { afterAll, beforeAll, expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { join } from "node:path";

import { binary } from "../../binary.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { type Cli, openCli } from "../cli.ts";

const root = join(import.meta.dir, "../../..");
const readme = await Bun.file(join(root, "README.md")).text();
/** Files begin with their name in a comment; blocks to run are marked: sh run. */
const files = [...readme.matchAll(/^```ts\n\/\/ (\S+)\n(.*?)^```$/gms)];
const blocks = [...readme.matchAll(/^```sh run\n(.*?)^```$/gms)].map(([, text = ""]) => text);

let db: TestDatabase;
let cli: Cli;
beforeAll(async () => {
  db = await freshDatabase();
  cli = await openCli(db);
  symlinkSync(await binary(), join(cli.folder, "pdoflow"));
  for (const [, name = "", text = ""] of files) await cli.write(name, text);
});
afterAll(async () => {
  cli[Symbol.dispose]();
  await db[Symbol.asyncDispose]();
});

test("README.md has examples that are run", () => expect(blocks.length).toBeGreaterThan(1));

test.each(blocks)("an example of README.md works: %s", async (block) => {
  const child = Bun.spawn(["bash", "-e", "-o", "pipefail", "-c", block], {
    cwd: cli.folder,
    env: { ...cli.env, PATH: `${cli.folder}:${process.env["PATH"] ?? ""}` },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, err] = [await child.exited, await child.stderr.text()];
  expect({ code, err }).toEqual({ code: 0, err: expect.any(String) });
});
