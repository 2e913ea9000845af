import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { type Commands, openCommands } from "../in-process.ts";

let db: TestDatabase;
let cli: Commands;
beforeAll(async () => {
  db = await freshDatabase();
  cli = await openCommands(db);
  await cli.write("work.ts", "export const main = (x) => x; export const none = () => 1;");
});
afterAll(async () => {
  cli[Symbol.dispose]();
  await db[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await db.db.sql`truncate pdoflow.schedule, pdoflow.fire`;
});

const add = (...words: string[]) => cli.run("schedule", "add", ...words);
const nightly = (...options: string[]) =>
  add("nightly", "0 2 * * *", ...options, "--", "post", "work.ts#none", "--no-args");

describe("schedule add", () => {
  test("keeps the jobs of post, and posts nothing", async () => {
    const before = await db.db.sql`select from pdoflow.posting`;
    const { code, out, err } = await add(
      ...["m", "every 90m", "--", "post", "work.ts#main", "--each", "1-3"],
      ...["--max-attempts", "2", "--name", "minutes"],
    );
    expect({ code, out }).toEqual({ code: 0, out: "" });
    expect(err).toContain("schedule m fires next at 20");
    expect(await db.db.sql`select from pdoflow.posting`).toHaveLength(before.length);
    const [row] = await db.db.sql`select jobs, options from pdoflow.schedule`;
    expect(row).toMatchObject({
      jobs: "[1]\n[2]\n[3]",
      options: { maxAttempts: 2, name: "minutes" },
    });
  });

  test("replaces the schedule with the same name", async () => {
    await nightly();
    await nightly("--zone", "Europe/Berlin");
    expect(await db.db.sql`select zone from pdoflow.schedule`).toMatchObject([
      { zone: "Europe/Berlin" },
    ]);
  });

  test.each([
    [["x", "@never", "--", "post", "work.ts#none", "--no-args"], "five fields"],
    [["x", "@daily"], "expected -- post"],
    [["x", "@daily", "--", "status"], "expected -- post"],
    [["x", "@daily", "--", "flow", "list"], "expected -- post"],
    [["1x", "@daily", "--", "post", "work.ts#none", "--no-args"], "a letter first"],
    [["x", "@daily", "--", "post", "work.ts#none", "--no-args", "--key", "k"], "option key"],
    [["x", "@daily", "--", "post", "work.ts#none", "--each-line"], "--each-line: expected a file"],
    [["x", "@daily", "--", "post", "-0", "--", "true"], "-0: expected a file with it, or -"],
    [["x", "@daily", "--", "post", "work.ts#main", "--over", "1"], "arguments of their own"],
    [["x", "@daily", "--", "post", "work.ts#main", "--gather", "1"], "arguments of their own"],
    [["x", "@daily", "--", "post", "work.ts#main", "--expand", "1"], "arguments of their own"],
    [["x", "@daily", "--", "post", "work.ts#none", "--no-args", "--wait"], "--wait"],
    [
      ["x", "@daily", "--", "post", "work.ts#none", "--no-args", "--deadline", "18:00"],
      "such as 6h",
    ],
    [["x", "@daily", "--overlap", "no", "--", "post", "work.ts#none", "--no-args"], "skip, queue"],
    [
      ["x", "@daily", "--jitter", "48h", "--", "post", "work.ts#none", "--no-args"],
      "--jitter: exp",
    ],
    [["x", "@daily", "--", "prune", "--older-than", "1d", "--state", "open"], "--state: expected"],
    [["x", "0 0 30 2 *", "--", "post", "work.ts#none", "--no-args"], "which never does"],
    [
      ["x", "@daily", "--until", "2020-01-01", "--", "post", "work.ts#none", "--no-args"],
      "expected an end (until) at or after the next time, 20",
    ],
    [["last", "@daily", "--", "post", "work.ts#none", "--no-args"], "like a selector of postings"],
    [["last-1", "@daily", "--", "post", "work.ts#none", "--no-args"], "like a selector"],
  ])("%j is refused, and nothing is kept", async (words, why) => {
    const before = await db.db.sql`select from pdoflow.posting`;
    const { code, err } = await add(...words);
    expect(code).toBe(2);
    expect(err).toContain(why);
    expect(err).not.toContain("    at ");
    expect(await db.db.sql`select from pdoflow.schedule`).toHaveLength(0);
    expect(await db.db.sql`select from pdoflow.posting`).toHaveLength(before.length);
  });

  test.each([
    ["post work.ts#none --no-args --bogus", "pdoflow post: there is no option --bogus."],
    ["post work.ts#none --no-args --deadline -1h", "pdoflow post: --deadline needs a value."],
    ["prune --older-than -3d", "pdoflow prune: --older-than needs a value."],
    ["prune --older-than 30d last", 'pdoflow prune: unexpected argument "last".'],
    ["flow post", "pdoflow flow post: an argument is missing: expected <flow.toml>"],
    ["flow post flow.toml --bogus", "pdoflow flow post: there is no option --bogus."],
  ])("-- %s is reported as the command itself reports it", async (line, why) => {
    const words = line.split(" ");
    const alone = await cli.run(...words);
    expect(alone).toMatchObject({ code: 2, err: expect.stringContaining(why) });
    expect(await add("x", "@daily", "--", ...words)).toEqual(alone);
    expect(await cli.run("schedule", "add", "x", "@daily", "--json", "--", ...words)).toEqual(
      await cli.run(...words, "--json"),
    );
  });

  test("--until 36h counts from now, by the clock of the server", async () => {
    const post = ["--", "post", "work.ts#none", "--no-args"];
    expect((await add("x", "@daily", "--until", "+1d12h", ...post)).code).toBe(0);
    const [row] = await db.db.sql`
      select until - created_at = interval '36 hours' as is_right from pdoflow.schedule`;
    expect(row).toEqual({ isRight: true });
    expect((await add("x", "every 10m", "--until", "400d", ...post)).code).toBe(0);
    expect((await add("x", "every 10m", "--until", "9m", ...post)).err).toContain("an end (until)");
  });

  test("an option of post may precede a command without a second --", async () => {
    expect((await add("x", "@daily", "--", "post", "--name", "n", "echo", "hi")).code).toBe(0);
    expect((await db.db.sql`select jobs from pdoflow.schedule`)[0]).toEqual({
      jobs: '["echo","hi"]',
    });
  });

  test("standard input is read only if it is named", async () => {
    const jobs = async () => (await db.db.sql`select jobs from pdoflow.schedule`)[0]?.["jobs"];
    const echo = ["schedule", "add", "x", "@daily", "--", "post"];
    for (const input of ["", "2\n3\n"]) {
      expect((await cli.runWith({ input }, ...echo, "--", "echo", "hi")).code).toBe(0);
      expect(await jobs()).toBe('["echo","hi"]');
    }
    const input = "2\n3\n";
    expect((await cli.runWith({ input }, ...echo, "-", "--", "echo")).code).toBe(0);
    expect(await jobs()).toBe('["echo 2"]\n["echo 3"]');
    const bare = await cli.runWith({ input: "[1]" }, ...echo, "work.ts#main");
    expect(bare).toMatchObject({ code: 2, err: expect.stringContaining("takes 1 argument") });
  });

  test("over a paused schedule says that it stays paused", async () => {
    await nightly();
    await cli.run("schedule", "pause", "nightly");
    const { err } = await nightly();
    expect(err).toBe(
      "schedule nightly is still paused; resume it with: pdoflow schedule resume nightly\n",
    );
  });
});

test("a command that a schedule posts has the schedule and its time in its environment", async () => {
  const line = "echo $PDOFLOW_SCHEDULE $PDOFLOW_SCHEDULED_AT";
  await add("stamp", "@daily", "--", "post", "--", line);
  const run = (await cli.run("schedule", "run", "stamp")).out.trim();
  const [row] = await db.db.sql<{ scheduledAt: Date }[]>`
    select scheduled_at from pdoflow.posting where id = ${run}::bigint`;
  const posted = (await cli.run("post", line, "--no-args")).out.trim();
  const pool = await cli.run("pool", "--once", "--max-workers", "1", "--commands");
  expect(pool.code).toBe(0);
  expect((await cli.run("logs", run)).out).toContain(`stamp ${row?.scheduledAt.toISOString()}\n`);
  expect((await cli.run("logs", posted)).out).not.toContain("stamp");
});
