import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCli } from "../cli.ts";
import { emulated, keys } from "./emulated.ts";
import { expectLeft, expectRestored, started, type Way } from "./in-shell.ts";

const ways: Way[] = [
  { name: "q", code: 0, leave: (top) => top.type("q") },
  { name: "Ctrl-C", code: 130, leave: (top) => top.type(keys.ctrlC) },
  { name: "SIGTERM", code: 143, leave: (_top, pid) => process.kill(pid, "SIGTERM") },
];

test.each(ways)("after $name the terminal is as it was, with exit code $code", expectLeft);

test("after Ctrl-Z the shell has its terminal, and fg brings top back", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  const shell = ["/bin/bash", "--norc", "--noprofile", "-i"];
  const env = { ...cli.env, TOP: cli.command[0] ?? "", PS1: "ready> " };
  await using top = emulated(shell, { env, cwd: cli.folder });
  await top.shows("ready>");
  top.type('stty -a > before; "$TOP" top; echo code $?; stty -a > after\r');
  await top.shows("No postings yet");
  top.type(keys.ctrlZ);
  await top.shows("Stopped");
  expect(top.terminal.buffer.active.type).toBe("normal");
  top.type("stty -a > stopped; fg\r");
  await top.shows("No postings yet");
  expect(top.terminal.buffer.active.type).toBe("alternate");
  top.type("?");
  await top.shows("Moving");
  top.type("qq");
  await top.hides("postings");
  await top.shows("ready>");
  top.type("stty -a > after; echo writ''ten\r");
  await top.shows("written");
  const read = (name: string) => readFileSync(join(cli.folder, name), "utf8");
  expect(read("after")).toBe(read("before"));
});

test("stopped and continued from outside it takes the terminal again, and draws all", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  const { top, pid } = await started(cli);
  await using _ = top;
  process.kill(pid, "SIGSTOP");
  // Somebody else uses the terminal in the meantime.
  top.terminal.write("\u001b[?1049l\u001b[2Jsomebody else");
  await top.shows("somebody else");
  process.kill(pid, "SIGCONT");
  await top.shows("No postings yet");
  expect(top.terminal.buffer.active.type).toBe("alternate");
  top.type("q");
  await expectRestored(cli, top, 0);
});
