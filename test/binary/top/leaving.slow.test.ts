import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCli, until } from "../cli.ts";
import { emulated, keys } from "./emulated.ts";
import { expectLeft, started, type Way } from "./in-shell.ts";

const ways: Way[] = [
  { name: "q while help is shown, twice", code: 0, leave: (top) => top.type("?qq") },
  {
    name: "Ctrl-C while a filter is typed",
    code: 130,
    leave: (top) => top.type(`/abc${keys.ctrlC}`),
  },
  { name: "SIGINT", code: 130, leave: (_top, pid) => process.kill(pid, "SIGINT") },
  { name: "SIGHUP", code: 143, leave: (_top, pid) => process.kill(pid, "SIGHUP") },
];

test.each(ways)("after $name the terminal is as it was, with exit code $code", expectLeft);

test("if its shell is killed, top ends and releases the terminal", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  const inner = `sh -c 'echo $$ > shell; "$0" top; echo never' "$TOP"`;
  const outer = `stty -a > before; ${inner}; while pgrep -s 0 -x pdoflow; do sleep 0.1; done
    stty -a > after; echo the end; read line`;
  const env = { ...cli.env, TOP: cli.command[0] ?? "" };
  await using top = emulated(["/bin/sh", "-c", outer], { env, cwd: cli.folder });
  await top.shows("No postings yet");
  process.kill(Number(readFileSync(join(cli.folder, "shell"), "utf8")), "SIGKILL");
  await top.shows("the end");
  const read = (name: string) => readFileSync(join(cli.folder, name), "utf8");
  expect(read("after")).toBe(read("before"));
  expect(top.terminal.buffer.active.type).toBe("normal");
});

test("if the terminal goes away, top ends", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  const { top, pid } = await started(cli);
  await top[Symbol.asyncDispose]();
  await until("top to end", () => Promise.resolve(!existsSync(`/proc/${pid}`)));
});
