import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCli } from "../cli.ts";
import { emulated, keys } from "./emulated.ts";
import { openQueueCli } from "../queue-cli.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test("top shows the work of a pool live", async () => {
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

test("top leads from a posting to its jobs, to one job with its error and output, and back", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  const id = await cli.post(numbers(120));
  await cli.drain();
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows(/fn\.ts#fn.*finished/);
  top.type(keys.enter);
  await top.shows(`${id}/0 `);
  top.type("/[113]\r");
  await top.shows(new RegExp(`filter: \\[113\\]`));
  await top.shows(new RegExp(`${id}/113 .*RangeError: 113 is too far`));
  top.type(keys.escape);
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

test("if the terminal cannot move its cursor, top names an alternative", async () => {
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

test("the output of a job reaches the screen as plain text", async () => {
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

test("without a server, top says so and never takes the screen", async () => {
  using cli = await openCli({ url: "postgres://nobody@127.0.0.1:1/none" });
  const at = { env: cli.env, cwd: cli.folder, columns: 200 };
  await using top = emulated([...cli.command, "top"], at);
  expect(await top.exited).toBe(3);
  await top.shows("nothing listens there");
  expect(top.sent()).not.toContain("\u001b[?1049h");
});
