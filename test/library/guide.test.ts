import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freshDatabase, type TestDatabase } from "../database.ts";

const repository = join(import.meta.dir, "../..");
const guide = await Bun.file(join(repository, "docs/library.md")).text();
const files = [...guide.matchAll(/^```(?:ts|js) (\S+)\n(.*?)^```$/gms)];
const runs = [...guide.matchAll(/^```console\n\$ (\S+) (\S+)\n(.*?)^```$/gms)];

let folder: string;
let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
  folder = await mkdtemp(join(tmpdir(), "pdoflow-guide-"));
  await mkdir(join(folder, "node_modules"));
  await symlink(repository, join(folder, "node_modules/pdoflow"));
  for (const [, name = "", text = ""] of files) await Bun.write(join(folder, name), text);
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test.each(runs.map(([, runtime, file, output]) => [runtime, file, output]))(
  "the guide shows the output of `%s %s`",
  async (_runtime, file = "", output = "") => {
    // Bun also for code that is written for Node: the source is linked here.
    const child = Bun.spawn([process.execPath, file], {
      cwd: folder,
      env: { PATH: process.env["PATH"], HOME: folder, PDOFLOW_DATABASE_URL: database.url },
      stdout: "pipe",
      stderr: "inherit",
    });
    expect(await child.stdout.text()).toBe(output);
    expect(await child.exited).toBe(0);
  },
);

test("each file of the guide is run", () => {
  expect(runs.map(([, , file]) => file)).toEqual(files.map(([, name]) => name));
});
