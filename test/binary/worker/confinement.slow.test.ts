// Workers that are another user than their pool.
import { expect, test } from "bun:test";
import { chmodSync } from "node:fs";

import { freshDatabase } from "../../database.ts";
import { type Cli, openCli } from "../cli.ts";

const isRoot = process.getuid?.() === 0;

const hasNobody = Bun.spawnSync(["id", "nobody"], { stderr: "ignore" }).exitCode === 0;

const code = `
import { readFileSync } from "node:fs";
const lines = (file: string, names: RegExp) =>
  readFileSync(file, "utf8").split("\\n").filter((line) => names.test(line)).map((line) => line.replace(/\\s+/g, " ").trim());
export const who = () => ({
  status: lines("/proc/self/status", /^(Uid|Gid|Groups|NoNewPrivs):/),
  limits: lines("/proc/self/limits", /^Max core/),
  home: process.env.HOME, user: process.env.USER,
  child: Bun.spawnSync(["id", "-u"]).stdout.toString().trim(),
});
export const openMany = () => { const all = []; for (let i = 0; i < 500; i++) all.push(Bun.file("/dev/null").stream().getReader().read()); return Promise.all(all).then((x) => x.length); };
export const read = (path: string) => readFileSync(path, "utf8");
export const says = () => { console.log("from a job"); console.error("to stderr"); };
`;

async function open(db: { url: string }): Promise<Cli> {
  const cli = await openCli(db);
  chmodSync(cli.folder, 0o755); // as a folder for several users is
  await cli.write("who.ts", code);
  return cli;
}

async function resultOf(cli: Cli, entry: string, input: string, ...options: string[]) {
  const posted = await cli.runWith(
    { input },
    "post",
    entry,
    "-",
    "--no-check",
    "--max-attempts",
    "1",
    "--output",
    "all",
  );
  const pool = await cli.run("pool", "--once", "--max-workers", "1", ...options);
  const { out } = await cli.run("results", posted.out.trim());
  return { pool, result: JSON.parse(out.split("\n")[0] ?? "null") };
}

test.skipIf(!isRoot || !hasNobody)(
  "--worker-user: workers have its uid, gid and no other group, for good (needs root)",
  async () => {
    await using db = await freshDatabase();
    using cli = await open(db);
    const { pool, result } = await resultOf(cli, "who.ts#who", "[[]]", "--worker-user", "nobody");
    expect(pool.err).not.toContain("run as root");
    expect(pool).toMatchObject({ code: 0 });
    const { uid, gid } = ((line) => ({ uid: line?.[1], gid: line?.[2] }))(
      /uid=(\d+).* gid=(\d+)/.exec(Bun.spawnSync(["id", "nobody"]).stdout.toString()),
    );
    const { status, limits, user, child } = result.result ?? result;
    expect(status).toEqual([
      `Uid: ${uid} ${uid} ${uid} ${uid}`,
      `Gid: ${gid} ${gid} ${gid} ${gid}`,
      `Groups: ${gid}`,
      "NoNewPrivs: 1",
    ]);
    expect(limits).toContain("Max core file size 0 0 bytes");
    expect([user, child]).toEqual(["nobody", String(uid)]);
    await cli.write("secret", "root's alone");
    chmodSync(`${cli.folder}/secret`, 0o600);
    const denied = await resultOf(
      cli,
      "who.ts#read",
      `[["${cli.folder}/secret"]]`,
      "--worker-user",
      "nobody",
    );
    expect(denied.pool.code).toBe(1);
    expect((await cli.run("failures", "last")).out).toContain("EACCES");
  },
);

test.skipIf(!isRoot || !hasNobody)("the output of such a worker is kept (needs root)", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  await resultOf(cli, "who.ts#says", "[[],[]]", "--worker-user", "nobody");
  const { out } = await cli.run("logs", "last");
  expect(out.match(/from a job/g)).toHaveLength(2);
  expect(out.match(/to stderr/g)).toHaveLength(2);
});
