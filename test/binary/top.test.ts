import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../database.ts";
import { openProxy } from "../proxy.ts";
import { openCli, until } from "./cli.ts";
import { emulated, keys } from "./emulated.ts";
import { openQueueCli } from "./queue-cli.ts";

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
  await top.shows(/small.*0%.*open/);
  await top.shows("No pools. Start one: pdoflow pool");
  await cli.drain();
  await top.shows(/small.*100%.*finished/);
  await cli.runWith(
    { input: JSON.stringify(numbers(500).map((i) => [i])) },
    ...["post", "fn.ts#quick", "-", "--name", "large", "--no-check"],
  );
  await top.shows(/large.*open/);
  top.type("q");
  expect(await top.exited).toBe(0);
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
  await top.shows("only failed");
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

test("cancelling asks first, says how many jobs, and tells what came of it", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  const id = await cli.post(numbers(1200), "fn.ts#quick", "--name", "doomed");
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows("doomed");
  top.type("c");
  await top.shows(
    `Cancel posting ${id} (doomed) for good, with 1,200 jobs that have not ended? y/n`,
  );
  top.type("n");
  await top.shows("Nothing was changed.");
  const state = async () =>
    (await db.sql<{ state: string }[]>`select state from pdoflow.posting where id = ${id}`)[0]
      ?.state;
  expect(await state()).toBe("open");
  top.type("c");
  await top.shows("y/n");
  top.type("y");
  await top.shows("cancelled 1 posting");
  expect(await state()).toBe("cancelled");
});

test("marked postings are paused and resumed together", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  for (const name of ["a1", "a2", "b1"]) await cli.post(numbers(2), "fn.ts#quick", "--name", name);
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows("b1");
  top.type(`/a${keys.enter}*p`);
  await top.shows("Pause 2 postings with 4 jobs that have not ended? y/n");
  top.type("y");
  await top.shows("paused 2 postings");
  const states = async () =>
    (await db.sql<{ state: string }[]>`select state from pdoflow.posting order by id`)
      .map(({ state }) => state)
      .join(" ");
  expect(await states()).toBe("paused paused open");
  await top.shows(/a1.*paused/);
  top.type("u");
  await top.shows("Resume 2 postings");
  top.type("y");
  await top.shows("resumed 2 postings");
  expect(await states()).toBe("open open open");
});

test("the priority of what waits goes up and down by key", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post(numbers(5), "fn.ts#quick", "--name", "queued");
  await using top = emulated([...cli.command, "top"], {
    ...{ env: cli.env, cwd: cli.folder, columns: 130 },
  });
  await top.shows(/queued.* 0 open/);
  top.type(">");
  await top.shows("to 1? y/n");
  top.type("y");
  await top.shows("changed the priority of 1 posting");
  await top.shows(/queued.* 1 open/);
  const [lane] = await db.sql<{ rank: number }[]>`
    select rank from pdoflow.lane where state = 'open'`;
  expect(lane?.rank).toBe(1);
});

test("a group of failures is retried from the list of failures", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post(numbers(40));
  await cli.drain();
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows("RangeError");
  top.type(`3/RangeError${keys.enter}r`);
  await top.shows("Retry 4 failed jobs of posting 1 in 1 group? y/n");
  top.type("y");
  await top.shows("4 jobs will be tried once more");
});

test("with --read-only nothing can be changed", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post(numbers(2), "fn.ts#quick");
  await using top = emulated([...cli.command, "top", "--read-only"], {
    env: cli.env,
    cwd: cli.folder,
  });
  await top.shows("read-only");
  top.type("c");
  await top.shows("Nothing can be changed here: it was started with --read-only");
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
  await cli.runWith({ input: "[[]]" }, "post", "evil.ts#evil", "-", "--tries", "1", "--no-check");
  await cli.drain();
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows("Error: gone");
  top.type(`1${keys.enter}`);
  await top.shows("1/0 ");
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
  top.type("q");
  expect(await top.exited).toBe(0);
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

test("where there is no server top says so, and never takes the screen", async () => {
  using cli = await openCli({ url: "postgres://nobody@127.0.0.1:1/none" });
  const at = { env: cli.env, cwd: cli.folder, columns: 200 };
  await using top = emulated([...cli.command, "top"], at);
  expect(await top.exited).toBe(3);
  await top.shows("nothing listens there");
  expect(top.sent()).not.toContain("\u001b[?1049h");
});

test("where a role may only look top is read-only by itself", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([1], "fn.ts#quick", "--name", "theirs");
  const role = `looker_${crypto.randomUUID().slice(0, 8)}`;
  await db.sql.unsafe(`create role ${role}`);
  expect(await cli.run("grant", "--role", role, "as", "viewer")).toMatchObject({ code: 0 });
  const env = { ...cli.env, PGOPTIONS: `-c role=${role}` };
  await using top = emulated([...cli.command, "top"], { env, cwd: cli.folder });
  await top.shows(/theirs.*open/);
  await top.shows("read-only");
  top.type("c");
  await top.shows(`Nothing can be changed here: the role ${role} may only look`);
  top.type("q");
  await top.exited;
  await db.sql.unsafe(`drop owned by ${role}; drop role ${role}`);
});
