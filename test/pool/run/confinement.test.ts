// Workers that may do less than their pool.
import { expect, test } from "bun:test";
import { chmodSync } from "node:fs";

import { freshDatabase } from "../../database.ts";
import { type Commands, openCommands } from "../../cli/in-process.ts";

const isRoot = process.getuid?.() === 0;

const code = `
import { readFileSync } from "node:fs";
const lines = (file: string, names: RegExp) =>
  readFileSync(file, "utf8").split("\\n").filter((line) => names.test(line)).map((line) => line.replace(/\\s+/g, " ").trim());
export const who = () => ({
  status: lines("/proc/self/status", /^(Uid|Gid|Groups|NoNewPrivs):/),
  limits: lines("/proc/self/limits", /^Max (core|open|processes)/),
  home: process.env.HOME, user: process.env.USER,
  child: Bun.spawnSync(["id", "-u"]).stdout.toString().trim(),
});
export const openMany = () => { const all = []; for (let i = 0; i < 500; i++) all.push(Bun.file("/dev/null").stream().getReader().read()); return Promise.all(all).then((x) => x.length); };
export const read = (path: string) => readFileSync(path, "utf8");
export const says = () => { console.log("from a job"); console.error("to stderr"); };
`;

async function open(db: { url: string }): Promise<Commands> {
  const cli = await openCommands(db);
  chmodSync(cli.folder, 0o755); // as a folder for several users is
  await cli.write("who.ts", code);
  return cli;
}

test("a pool that cannot become another user says so, and an unknown user is refused", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  const asked = await cli.run("pool", "--once", "--worker-user", "nobody-of-this-name");
  expect(asked.code).toBe(2);
  expect(asked.err).toContain(isRoot ? "found none of that name" : "only root may");
  expect(await cli.run("pool", "--once", "--worker-user", "root")).toMatchObject({ code: 2 });
});

test.skipIf(!isRoot)("a pool whose jobs run as root says so (needs root)", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  const pool = await cli.run("pool", "--once", "--max-workers", "1");
  expect(pool.err).toContain("jobs run as root");
  expect(pool.err).toContain("--worker-user NAME");
});
