// Each exit code that docs/cli.md has, by a command line that ends with it.
import { expect, test } from "bun:test";

import { exitCodes } from "../../../src/domain/errors.ts";
import { freshDatabase } from "../../database.ts";
import { openQueueCommands, type QueueCommands } from "../../binary/queue-cli.ts";

const noServer = { env: { PDOFLOW_DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" } };

interface Row {
  code: number;
  when: string;
  args: readonly string[];
  options?: Parameters<QueueCommands["runWith"]>[0];
}

const rows: readonly Row[] = [
  { code: exitCodes.ok, when: "all went well", args: ["status"] },
  { code: exitCodes.ok, when: "help was asked for", args: ["post", "--help"] },
  { code: exitCodes.ok, when: "all jobs of a posting are done", args: ["wait", "1"] },
  { code: exitCodes.ok, when: "a job that is executed is done", args: ["execute-job", "1/0"] },
  { code: exitCodes.jobsFailed, when: "a job of a posting failed", args: ["wait", "2"] },
  {
    code: exitCodes.jobsFailed,
    when: "a job of a run failed",
    args: ["run", "--", "false"],
    options: { input: "x" },
  },
  {
    code: exitCodes.jobsFailed,
    when: "a job that is executed fails",
    args: ["execute-job", "2/0"],
  },
  { code: exitCodes.usage, when: "no command has that name", args: ["pots"] },
  { code: exitCodes.usage, when: "no option has that name", args: ["status", "--al"] },
  { code: exitCodes.usage, when: "an argument is missing", args: ["wait"] },
  { code: exitCodes.usage, when: "a selector is none", args: ["jobs", "4x"] },
  {
    code: exitCodes.usage,
    when: "an input is malformed",
    args: ["post", "fn.ts#fn", "-", "--no-check"],
    options: { input: "[[1]" },
  },
  { code: exitCodes.database, when: "no server answers", args: ["status"], options: noServer },
  { code: exitCodes.notFound, when: "no posting has that number", args: ["jobs", "99"] },
  { code: exitCodes.notFound, when: "no job has that number", args: ["wait", "1/99"] },
  ...["jobs", "logs", "results", "retry", "explain", "execute-job"].map((command) => ({
    code: exitCodes.notFound,
    when: `${command}: no job has that number`,
    args: [command, "1/99"],
  })),
  { code: exitCodes.notFound, when: "a file is missing", args: ["post", "fn.ts#fn", "gone.json"] },
  {
    code: exitCodes.notFound,
    when: "an entry point is missing",
    args: ["post", "fn.ts#gone", "--args", "1"],
  },
  { code: exitCodes.timedOut, when: "the time is over", args: ["wait", "3", "--timeout", "1ms"] },
];

test("messages are on stderr, and --quiet leaves them out", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  const { out, err } = await cli.run("status");
  expect(out).toBe("");
  expect(err).toContain("no postings yet");
  expect(err).toContain("no pools; start one with");
  expect(await cli.run("status", "-q")).toEqual({ code: 0, out: "", err: "" });
});

test("each exit code is returned in its documented case", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([1]);
  await cli.post([3]);
  await cli.drain();
  await cli.post([1]);
  const found = await Promise.all(
    rows.map(async ({ args, options, when }) => {
      const { code, err } = await cli.runWith(options ?? {}, ...args);
      // No stack trace of ours: that of a job is what one wants to see.
      if (args[0] !== "execute-job") expect(err, when).not.toMatch(/\n {4}at /);
      return `${when}: ${code}`;
    }),
  );
  expect(found).toEqual(rows.map(({ when, code }) => `${when}: ${code}`));
}, 60_000);
