import { expect, test } from "bun:test";

import { binary } from "../../binary.ts";
import { freshDatabase } from "../../database.ts";
import { until } from "../cli.ts";
import { documentOf } from "../../cli/commands/json.ts";
import { inTerminal } from "../top/terminal.ts";
import { openPosting, count } from "./open-posting.ts";

test("on a pipe it prints the number alone; on a terminal also the next command", async () => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  const piped = await cli.run("post", "f.ts#f", "--args", "1");
  expect(piped).toEqual({ code: 0, out: "1\n", err: "" });
  const shown = await inTerminal(
    { env: cli.env, cwd: cli.folder },
    ...["post", "f.ts#f", "--args", "1"],
  );
  expect(await shown.exited).toBe(0);
  expect(shown.screen()).toMatch(
    /^2\r\nposted 1 job for f.ts#f as posting 2\r\n.*pdoflow status 2/,
  );
  const json = await cli.run("post", "f.ts#f", "--args", "1", "--json", "--name", "night");
  expect(documentOf("post", json.out)).toMatchObject({ id: 3, jobCount: 1, name: "night" });
});

test.each(["SIGINT", "SIGTERM"] as const)("%s while it reads leaves nothing", async (signal) => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  const child = Bun.spawn([await binary(), "post", "f.ts#f", "-", "--no-check"], {
    ...{ cwd: cli.folder, env: cli.env, stdin: "pipe", stdout: "pipe", stderr: "pipe" },
  });
  void child.stdin.write("[1]\n".repeat(100_000));
  await child.stdin.flush();
  const activity = () => db.sql`
    select 1 from pg_stat_activity
    where datname = current_database() and query like '%add_jobs%' and pid <> pg_backend_pid()`;
  await until("an insert", async () => (await activity()).length > 0);
  child.kill(signal);
  await child.exited;
  await until("the end of its transaction", async () => (await activity()).length === 0);
  expect(await child.stdout.text()).toBe("");
  expect(await count(db)).toEqual({ postings: 0, jobs: 0 });
});

test("standard input begins where the shell has stopped reading the file", async () => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  await cli.write("list", "header\n[1]\n[2]\n");
  const sh = async (script: string) =>
    await Bun.$`sh -c ${script} ${await binary()}`.cwd(cli.folder).env(cli.env).text();
  const dry = '"$0" post f.ts#f - --no-check --dry-run';
  expect(await sh(`(read header; ${dry}; cat) < list`)).toBe("f.ts#f(1)\nf.ts#f(2)\n");
  const unread = '(read header; "$0" post f.ts#f --args 3 --no-check --dry-run; cat) < list';
  expect(await sh(unread)).toBe("f.ts#f(3)\n[1]\n[2]\n");
});

test("standard input that cannot be read is named, not the database", async () => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  const post = "post f.ts#f - --no-check";
  for (const command of [post, `${post} --dry-run`, "status -"]) {
    const ran = await Bun.$`sh -c ${`"$0" ${command} < .`} ${await binary()}`
      .cwd(cli.folder)
      .env(cli.env)
      .nothrow()
      .quiet();
    expect(ran.stderr.toString()).toContain(": standard input: it cannot be read: ");
    expect(ran.exitCode).toBe(2);
  }
});

test("closed stdin, stdout on a full disk, and a reader that has gone", async () => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  const sh = (script: string) =>
    Bun.$`sh -c ${script}`.cwd(cli.folder).env(cli.env).nothrow().quiet();
  const program = await binary();
  const closed = await sh(`${program} post f.ts#f --no-check - <&-`);
  expect(closed.exitCode).toBe(2);
  expect(closed.stderr.toString()).toContain("standard input");
  const full = await sh(`${program} post f.ts#f --no-check --args 1 > /dev/full`);
  expect(full.exitCode).toBe(74);
  expect(full.stderr.toString()).toContain("cannot write the output");
  const gone = await sh(`${program} post f.ts#f --each 1-9 --dry-run --no-check | true`);
  expect(gone.exitCode).toBe(0);
  expect(gone.stderr.toString()).not.toContain("bug in pdoflow");
});

test("a terminal of 40 columns: the progress is one line, and is taken back", async () => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  await cli.write("lines.txt", "a line\n".repeat(300_000));
  const args = ["post", "f.ts#f", "lines.txt", "--each-line", "--no-check", "--progress"];
  const shown = await inTerminal({ env: cli.env, cwd: cli.folder, columns: 40 }, ...args);
  expect(await shown.exited).toBe(0);
  const lines = shown.screen().match(/posting: [^\r]*/g) ?? [];
  expect(lines.length).toBeGreaterThan(0);
  expect(Math.max(...lines.map((line) => Bun.stringWidth(line)))).toBeLessThan(40);
  expect(shown.screen()).toContain("\r\u001b[K1\r\n");
});
