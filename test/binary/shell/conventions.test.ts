// What all commands share: selectors, colours, JSON, errors, and asking before harm is done.
import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { type Cli, openCli } from "../cli.ts";
import { documentOf } from "../../cli/commands/json.ts";
import { inTerminal } from "../top/terminal.ts";

async function post(cli: Cli, count = 1): Promise<void> {
  await cli.write("fn.ts", "export const fn = (i: number) => i;");
  for (let n = 0; n < count; n++) {
    await cli.runWith({ input: "[[1],[2]]" }, "post", "fn.ts#fn", "-", "--no-check");
  }
}

test("postings are named by number, as the last ones, by name, by state, or in a pipe", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await post(cli, 4);
  await db.sql`update pdoflow.posting set name = 'night' where id in (1, 2)`;
  const paused = async (...args: string[]) => {
    const { out } = await cli.runWith({ input: "1\n3 last" }, "pause", ...args, "--json");
    await cli.run("resume", "--state", "paused");
    return documentOf("pause", out)
      .postings.filter(({ isChanged }) => isChanged)
      .map(({ id }) => id);
  };
  expect(await paused("2", "2")).toEqual([2]);
  expect(await paused("last")).toEqual([4]);
  expect(await paused("last:2", "1")).toEqual([1, 3, 4]);
  expect(await paused("@night")).toEqual([2]); // the newest of that name
  expect(await paused("-")).toEqual([1, 3, 4]);
  expect(await paused("--state", "open")).toEqual([1, 2, 3, 4]);
  expect(await paused("--state", "open", "last:2")).toEqual([3, 4]);
  expect(await cli.run("pause", "@day")).toMatchObject({
    code: 4,
    err: expect.stringContaining('no posting has the name "day"'),
  });
  const empty = (...args: string[]) => cli.runWith({ input: "" }, ...args);
  expect(await empty("pause", "-", "--state", "open", "--json")).toMatchObject({
    code: 0,
    out: expect.stringContaining('"postings":[]'), // not all that are open
  });
  expect(await empty("cancel", "-", "--state", "open", "--yes")).toMatchObject({
    err: "none of these postings is open\n",
  });
  expect(await empty("set-limit", "-", "--state", "open", "--max-running", "1", "--json")).toEqual({
    ...{ code: 0, err: "", out: expect.stringContaining('"postings":[]') },
  });
  expect((await empty("status", "-", "--json")).out).toContain('"postings":[]');
  expect(await cli.run("pause", "1/7")).toMatchObject({ code: 2 });
  expect(await cli.run("pause")).toMatchObject({ code: 2 });
});

test("with --json, errors and messages are JSON too, on stderr", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  const gone = await cli.run("status", "9", "--json");
  expect(gone).toMatchObject({ code: 4, out: "" });
  expect(documentOf("error", gone.err).error).toMatchObject({
    name: "PostingNotFound",
    exitCode: 4,
  });
  const wrong = await cli.run("status", "--jsn", "--json");
  expect(wrong).toMatchObject({ code: 2, out: "" });
  expect(documentOf("error", wrong.err).error.exitCode).toBe(2);
  expect(documentOf("status", (await cli.run("status", "--json")).out).postings).toEqual([]);
});

test("several postings are cancelled only by who says yes", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await post(cli, 3);
  const states = async () => {
    const rows = await db.sql<{ state: string }[]>`select state from pdoflow.posting order by id`;
    return rows.map(({ state }) => state);
  };
  const refused = await cli.run("cancel", "1", "2");
  expect(refused).toMatchObject({ code: 2, out: "" });
  expect(refused.err).toContain("would cancel 2 postings with 4 unfinished jobs");
  expect(await states()).toEqual(["open", "open", "open"]);

  const asked = await inTerminal({ env: cli.env, cwd: cli.folder }, "cancel", "1", "2");
  await asked.shown("Cancel 2 postings with 4 unfinished jobs? [y/N]");
  asked.type("n\r");
  expect(await asked.exited).toBe(2);
  expect(await states()).toEqual(["open", "open", "open"]);

  const again = await inTerminal({ env: cli.env, cwd: cli.folder }, "cancel", "1", "2");
  await again.shown("[y/N]");
  again.type("y\r");
  expect(await again.exited).toBe(0);
  expect(await states()).toEqual(["cancelled", "cancelled", "open"]);
  expect(await cli.run("cancel", "last")).toMatchObject({ code: 0 }); // one: nobody is asked
});

test("colours and cut lines are for terminals", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await post(cli);
  await cli.run("pause", "1");
  const red = "\u001b[33mpaused";
  const show = async (env: Record<string, string>, columns: number, ...args: string[]) => {
    const screen = await inTerminal(
      { env: { ...cli.env, ...env }, cwd: cli.folder, columns },
      ...["status", "1", ...args],
    );
    await screen.exited;
    return screen.screen();
  };
  expect(await show({}, 100)).toContain(red);
  expect(await show({ NO_COLOR: "1" }, 100)).not.toContain("\u001b[");
  expect(await show({ TERM: "dumb" }, 100)).not.toContain("\u001b[");
  expect(await show({ NO_COLOR: "1" }, 100, "--color", "always")).toContain(red);
  const narrow = (await show({ NO_COLOR: "1", COLUMNS: "72" }, 40)).split("\r\n").slice(1);
  expect(Math.max(...narrow.map((line) => line.length))).toBeLessThanOrEqual(72);
  expect((await cli.run("status", "1")).out).not.toContain("\u001b");
  expect((await cli.run("status", "1", "--color", "always")).out).toContain(red);
  expect(await cli.run("status", "--color", "pink")).toMatchObject({ code: 2 });
});
