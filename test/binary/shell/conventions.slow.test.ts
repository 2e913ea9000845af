// What all commands share: selectors, colours, JSON, errors, and asking before harm is done.
import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { type Cli, openCli } from "../cli.ts";
import { inTerminal } from "../top/terminal.ts";

async function post(cli: Cli, count = 1): Promise<void> {
  await cli.write("fn.ts", "export const fn = (i: number) => i;");
  for (let n = 0; n < count; n++) {
    await cli.runWith({ input: "[[1],[2]]" }, "post", "fn.ts#fn", "-", "--no-check");
  }
}

test("several postings are only cancelled after a yes", async () => {
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
  expect(await cli.run("cancel", "last")).toMatchObject({ code: 0 }); // one: no question
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
