// What all commands share: selectors, colours, JSON, errors, and asking before harm is done.
import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { type Commands, openCommands } from "../in-process.ts";
import { documentOf } from "../commands/json.ts";

async function post(cli: Commands, count = 1): Promise<void> {
  await cli.write("fn.ts", "export const fn = (i: number) => i;");
  for (let n = 0; n < count; n++) {
    await cli.runWith({ input: "[[1],[2]]" }, "post", "fn.ts#fn", "-", "--no-check");
  }
}

test("postings are named by number, as the last ones, by name, by state, or in a pipe", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
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
  using cli = await openCommands(db);
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
