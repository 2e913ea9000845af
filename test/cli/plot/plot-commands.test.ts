import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";

test("status of one posting plots on a terminal, as it can show, and nothing into a pipe", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post(Array.from({ length: 30 }, (_, i) => i));
  const status = (env: Record<string, string>, ...options: string[]) =>
    cli.runWith({ columns: 100, env }, "status", ...options);
  expect((await status({ LANG: "C.UTF-8" }, "1")).out).not.toContain("└");
  await cli.drain();
  const { out } = await status({ LANG: "C.UTF-8", NO_COLOR: "1" }, "1");
  expect(out).toMatch(/jobs by duration: 30 attempts {2,}jobs ended per second/);
  expect(out).toMatch(/[\u2801-\u28ff].*\n.*0 └┬/);
  expect(out).not.toContain("\u001b");
  const ascii = (await status({ LANG: "C", NO_COLOR: "" }, "1")).out;
  expect(ascii).toContain("#");
  // oxlint-disable-next-line no-control-regex -- colours are escape sequences
  expect(ascii).toMatch(/^[\u0000-\u007f]*$/);
  expect(ascii).toContain("\u001b[36m");
  expect((await status({ LANG: "C.UTF-8" })).out).not.toContain("duration");
  expect((await cli.run("status", "1")).out).not.toContain("duration");
});

test("results --plot draws columns of results and arguments, also into a pipe", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post(Array.from({ length: 30 }, (_, i) => i));
  await cli.drain();
  const plot = async (...options: string[]) =>
    (await cli.run("results", "1", "--plot", ...options)).out;
  const points = await plot("arg1,half");
  expect(points).toContain("└┬");
  expect(points).toEndWith("plotted 24 of 30 jobs; half: 6 without a value\n");
  expect(await plot("half", "--ascii", "--state", "done")).toMatch(
    /^[ -~\n]*plotted 24 of 24 jobs\n$/,
  );
  expect(await plot("error")).toMatch(/RangeError █+ 3\nTypeError  █+ 3\nplotted 6 of 30/);
  expect(await cli.run("results", "1", "--plot", "nope")).toMatchObject({
    code: 2,
    err: expect.stringContaining('found "nope". Columns: arg1, i, half, posting'),
  });
  expect(await cli.run("results", "1", "--plot", "a,b,c")).toMatchObject({ code: 2 });
  expect(await cli.run("results", "1", "--plot", "half", "--csv")).toMatchObject({ code: 2 });
});
