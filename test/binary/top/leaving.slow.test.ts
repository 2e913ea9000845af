import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCli, until } from "../cli.ts";
import { emulated } from "./emulated.ts";
import { started } from "./in-shell.ts";

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
