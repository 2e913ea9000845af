import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { until } from "../../binary/cli.ts";
import { openCommands } from "../in-process.ts";

test("at 80 columns, status cuts the entry point, and no id, state or number", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const path = "reduction/photometry/fit-all-stars-of-the-field.ts";
  await cli.write(path, "export const fit = (i: number) => i;");
  await cli.run("post", `${path}#fit`, "--no-check", "--each", "1-12345");
  await cli.run("cancel", "1", "--yes");
  await cli.run("post", `${path}#fit`, "--no-check", "--each", "1-23456");
  const shown = async (...postings: string[]) => {
    const { out } = await cli.runWith({ columns: 80 }, "status", ...postings, "--color", "never");
    const lines = out.trimEnd().split("\n");
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    return lines.map((line) => line.split(/ {2,}/));
  };
  const entryPoint = expect.stringMatching(/^reduction.*…$/);
  const zeros = ["0", "0", "0"];
  // Nothing is retrying or cancelled, so these columns are left out.
  expect(await shown("2")).toEqual([
    ["posting", "entry point", "state", "jobs", "waiting", "running", "done", "failed"],
    ["2", entryPoint, "open", "23,456", "23,456", ...zeros],
  ]);
  const [header, first] = await shown("1", "2");
  expect(header?.at(-1)).toStartWith("cancel");
  expect(first).toEqual(["1", entryPoint, "cancelled", "12,345", "0", ...zeros, "12,345"]);
  const piped = await cli.run("status", "2");
  expect(piped.out).toContain(`${path}#fit`);
  expect(piped.out).toMatch(/retrying.*cancelled/);
});

test("status reports the time that is left for open postings only", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("fn.ts", "export const fn = (i: number) => (i === 0 ? 0 : Bun.sleep(600_000));");
  await cli.run("post", "fn.ts#fn", "--each", "0-3");
  const pool = cli.start("pool", "--max-workers", "1", "--heartbeat-timeout", "2s");
  const told = async () => (await cli.run("status", "1")).err;
  await until("a pace", async () => (await told()).includes(" left"));
  await cli.run("pause", "1");
  expect(await told()).not.toContain(" left");
  await cli.run("cancel", "1");
  expect(await told()).not.toContain(" left");
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
});
