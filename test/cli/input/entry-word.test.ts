import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../in-process.ts";

const source = `export const fit = (i: number) => i; export const main = () => "done";`;

async function openFolder() {
  const db = await freshDatabase();
  const cli = await openCommands(db);
  await cli.write("lib/jobs.ts", source);
  mkdirSync(join(cli.folder, "other"));
  const posted = async () => {
    const rows = await db.sql<{ entryPoint: string; jobs: number }[]>`
      select entry_point, job_count as jobs from pdoflow.posting order by id`;
    return rows.map(({ entryPoint, jobs }) => `${entryPoint} ${jobs}`);
  };
  return {
    ...cli,
    posted,
    [Symbol.asyncDispose]: async () => {
      cli[Symbol.dispose]();
      await db[Symbol.asyncDispose]();
    },
  };
}

test("absolute paths and paths with .. are made relative to the root", async () => {
  await using cli = await openFolder();
  const each = ["--each", "1"];
  await cli.run("post", join(cli.folder, "lib/jobs.ts#fit"), ...each);
  const other = join(cli.folder, "other");
  await cli.runWith({ cwd: other }, "post", "../lib/jobs.ts#fit", "--root", "..", ...each);
  await cli.runWith({ cwd: other }, "post", "../lib/jobs.ts#fit", "--root", "../lib", ...each);
  expect(await cli.posted()).toEqual(["lib/jobs.ts#fit 1", "lib/jobs.ts#fit 1", "jobs.ts#fit 1"]);
  const outside = await cli.runWith({ cwd: other }, "post", "../lib/jobs.ts#fit", ...each);
  expect(outside).toMatchObject({
    code: 2,
    err: expect.stringContaining(`Write: jobs.ts#fit --root ${join(cli.folder, "lib")}`),
  });
});

test("a file without a name lists its exports, or means its default export", async () => {
  await using cli = await openFolder();
  const listed = await cli.run("post", "lib/jobs.ts", "--each", "1");
  expect(listed.code).toBe(4);
  expect(listed.err).toContain("Name one of its exports: lib/jobs.ts#fit, lib/jobs.ts#main.");
  await cli.write("one.ts", "export default function one(i: number) { return i; }");
  expect(await cli.run("post", "one.ts", "--each", "1")).toMatchObject({ code: 0 });
  expect(await cli.posted()).toEqual(["one.ts#default 1"]);
});

test("a job without arguments needs nothing but --no-args, on a terminal nothing at all", async () => {
  await using cli = await openFolder();
  expect(await cli.run("post", "lib/jobs.ts#main", "--no-args")).toMatchObject({ code: 0 });
  expect(await cli.run("run", "lib/jobs.ts#main", "--no-args")).toMatchObject({ out: '"done"\n' });
  const typed = { isTyped: true };
  expect(await cli.runWith(typed, "post", "lib/jobs.ts#main")).toMatchObject({ code: 0 });
  const forgotten = await cli.runWith(typed, "post", "lib/jobs.ts#fit");
  expect(forgotten).toMatchObject({
    code: 2,
    err: expect.stringContaining("lib/jobs.ts#fit takes 1 argument: expected a file"),
  });
  expect(await cli.run("post", "lib/jobs.ts#fit", "--no-args", "--each", "1")).toMatchObject({
    code: 2,
  });
  expect(await cli.posted()).toHaveLength(3);
});
