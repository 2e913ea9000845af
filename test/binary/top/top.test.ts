import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openProxy } from "../../proxy.ts";
import { openCli, until } from "../cli.ts";
import { emulated, keys } from "./emulated.ts";
import { openQueueCli } from "../queue-cli.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test("top shows what a pool does, as it does it", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.write(
    "slow.ts",
    "export const slow = async (i: number) => { await Bun.sleep(20); return i; };",
  );
  await cli.post(numbers(3), "fn.ts#quick", "--name", "small");
  await using top = emulated([...cli.command, "top", "--delay", "0.5"], {
    env: cli.env,
    cwd: cli.folder,
  });
  await top.shows(/small.*0%.*waiting/);
  await top.shows("No pools. Start one: pdoflow pool");
  await cli.drain();
  await top.shows(/small.*100%.*finished/);
  await cli.runWith(
    { input: JSON.stringify(numbers(500).map((i) => [i])) },
    ...["post", "fn.ts#quick", "-", "--name", "large", "--no-check"],
  );
  await top.shows(/large.*waiting/);
  top.type("q");
  expect(await top.exited).toBe(0);
});

test("a done job shows its result, running jobs come first, and a pool opens with its jobs", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.write(
    "long.ts",
    `export async function long(i: number) {
      if (i === 199) await new Promise((resolve) => setTimeout(resolve, 600_000));
      return { twice: 2 * i };
    }`,
  );
  const input = JSON.stringify(numbers(200).map((i) => [i]));
  const posted = await cli.runWith({ input }, "post", "long.ts#long", "-", "--no-check");
  expect(posted).toMatchObject({ code: 0 });
  const id = Number(posted.out);
  const pool = cli.start("pool", "--max-workers", "1");
  await using top = emulated([...cli.command, "top", "--delay", "0.5"], {
    ...{ env: cli.env, cwd: cli.folder, columns: 110 },
  });
  await top.shows(/long\.ts#long.*9\d%.*running/);
  top.type(keys.enter);
  await top.shows(new RegExp(`▸ ${id}/199 .*running[^\n]*\n +${id}/0 .*done`));
  top.type(`j${keys.enter}`);
  await top.shows(/result\s+\{"twice":0\}/);
  top.type(`2${keys.enter}`);
  await top.shows(new RegExp(`${id}/199 +attempt 1 +long\\.ts#long`));
  top.type("q");
  expect(await top.exited).toBe(0);
  pool.kill("SIGKILL");
});

test("top of an empty queue says how to post", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows("pdoflow post fn.ts#name args.json");
});

test("top leads from a posting to its jobs, to one job with its error and output, and back", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  const id = await cli.post(numbers(120));
  await cli.drain();
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows(/fn\.ts#fn.*finished/);
  top.type(keys.enter);
  await top.shows(`${id}/0 `);
  top.type("F");
  await top.shows(new RegExp(`${id}/3 .*RangeError: 3 is too far`));
  await top.shows(new RegExp(`${id}/3 [^\n]*\n[^\n]*${id}/7 `));
  top.type(keys.enter);
  await top.shows("job 3");
  await top.shows(/at fn \(.*fn\.ts:4/);
  top.type(keys.escape);
  await top.shows("only failed jobs");
  top.type(keys.escape);
  await top.shows("1 postings");
});

test("the jobs of a posting are paged by their index, forwards and back", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  const id = await cli.post(numbers(400), "fn.ts#quick");
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows("fn.ts#quick");
  top.type(keys.enter);
  await top.shows(`${id}/0 `);
  for (let page = 0; page < 3; page++) top.type("\u001b[6~");
  await top.shows(`${id}/31 `);
  top.type("g");
  await top.shows(`${id}/0 `);
  top.type("G");
  await top.shows(`${id}/399 `);
  top.type("k".repeat(30));
  await top.shows(`▸ ${id}/369 `);
});

test("a screen is saved to a file, and an id goes to the clipboard", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  const id = await cli.post(numbers(2), "fn.ts#quick", "--name", "kept");
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows("kept");
  top.type("S");
  await top.shows("saved to pdoflow-top-1.txt");
  expect(readFileSync(join(cli.folder, "pdoflow-top-1.txt"), "utf8")).toContain("kept");
  top.type("y");
  await top.shows(`Copied: ${id}`);
  expect(top.sent()).toContain(`\u001b]52;c;${Buffer.from(String(id)).toString("base64")}\u0007`);
});

test("where the terminal can't move its cursor top says what to do instead", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await using top = emulated([...cli.command, "top"], {
    env: { ...cli.env, TERM: "dumb" },
    cwd: cli.folder,
  });
  expect(await top.exited).toBe(2);
  await top.shows("expected a terminal that can move its cursor, found TERM=dumb");
  await top.shows("pdoflow top --once");
});

test("into a pipe, and with --once, one frame is printed as text", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post(numbers(40), "fn.ts#fn", "--name", "écrit");
  await cli.drain();
  const piped = await cli.run("top");
  expect(piped).toMatchObject({ code: 0, err: "" });
  expect(piped.out).toMatch(/^pdoflow top .*\n[\s\S]*écrit .*100% .*✗8 .*finished/);
  expect(piped.out).toContain("TypeError: no ");
  expect(piped.out).not.toContain("\u001b");
  const env = { ...cli.env, TERM: "dumb", LANG: "C" };
  await using top = emulated([...cli.command, "top", "--once"], { env, cwd: cli.folder });
  expect(await top.exited).toBe(0);
  await top.shows(/\?crit .*100% .*!8 .*finished/);
  const head = await cli.runWith({ env: { COLUMNS: "60" } }, "top", "--once", "--ascii");
  expect(head.out.split("\n").every((row) => /^[ -~]{0,60}$/.test(row))).toBe(true);
});

test("what a job printed reaches the screen as text alone", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.write(
    "evil.ts",
    `export function evil() {
      console.log("\\u001b]0;owned\\u0007\\u001b[2J\\u001b[31mred\\u001b[0m \\u009b5mblink 漢字 👩‍🚀 e\\u0301");
      throw new Error("\\u001b[?1049l\\u001b]52;c;b3duZWQ=\\u0007gone \\u202e");
    }`,
  );
  await cli.runWith(
    { input: "[[]]" },
    "post",
    "evil.ts#evil",
    "-",
    "--max-attempts",
    "1",
    "--no-check",
  );
  await cli.drain();
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows("Error: gone");
  top.type(`1${keys.enter}`);
  await top.shows("▸ 1/0 ");
  top.type(keys.enter);
  await top.shows("red blink 漢字");
  expect(top.sent()).not.toContain("\u001b]52");
  expect(top.sent()).not.toContain("\u001b]0;");
  expect(top.terminal.buffer.active.type).toBe("alternate");
});

test("the server goes and comes back: a banner says how old what is shown is", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  using cli = await openQueueCli({ ...db, url: proxy.url });
  await cli.post(numbers(2), "fn.ts#quick", "--name", "here");
  await using top = emulated([...cli.command, "top", "--delay", "0.5"], {
    env: cli.env,
    cwd: cli.folder,
  });
  await top.shows("here");
  proxy.freeze();
  await top.shows(/STALE: this is [\d.]+s old .*does not answer/);
  await top.shows("here");
  proxy.thaw();
  await top.hides("STALE");
  proxy.freeze();
  await top.shows("STALE");
  const askedAt = performance.now();
  top.type("q");
  expect(await top.exited).toBe(0);
  expect(performance.now() - askedAt).toBeLessThan(3_000); // no server keeps anybody
});

test("Ctrl-L draws all anew, and a resize storm ends with a whole screen", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post(numbers(2), "fn.ts#quick", "--name", "steady");
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows("steady");
  for (let i = 0; i < 40; i++) top.resize(30 + ((i * 37) % 200), 6 + ((i * 13) % 60));
  top.resize(20, 4);
  await top.shows("needs 30x6");
  top.resize(80, 24);
  await top.shows(/steady/);
  await top.shows("q quit");
  expect(existsSync(cli.folder)).toBe(true);
  await until("the title on the first row", () =>
    Promise.resolve(top.rows()[0]?.startsWith("pdoflow top")),
  );
});

test("without a server, top says so and never takes the screen", async () => {
  using cli = await openCli({ url: "postgres://nobody@127.0.0.1:1/none" });
  const at = { env: cli.env, cwd: cli.folder, columns: 200 };
  await using top = emulated([...cli.command, "top"], at);
  expect(await top.exited).toBe(3);
  await top.shows("nothing listens there");
  expect(top.sent()).not.toContain("\u001b[?1049h");
});
