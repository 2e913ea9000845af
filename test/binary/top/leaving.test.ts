import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { type Cli, openCli } from "../cli.ts";
import { type Emulated, emulated, keys } from "./emulated.ts";
import { started } from "./in-shell.ts";

/** Waits for the shell to continue, and reads the settings of its terminal. */
async function expectRestored(cli: Cli, top: Emulated, code: number): Promise<void> {
  await top.shows("the end");
  const read = (name: string) => readFileSync(join(cli.folder, name), "utf8");
  expect(read("after")).toBe(read("before"));
  expect(read("code").trim()).toBe(String(code));
  const { modes, buffer } = top.terminal;
  expect(buffer.active.type).toBe("normal");
  expect(modes.mouseTrackingMode).toBe("none");
  expect(modes.bracketedPasteMode).toBe(false);
  expect(modes.wraparoundMode).toBe(true);
  // The last word on the cursor is that it is shown.
  expect(top.sent().lastIndexOf("\u001b[?25h")).toBeGreaterThan(
    top.sent().lastIndexOf("\u001b[?25l"),
  );
}

const ways: [name: string, code: number, leave: (top: Emulated, pid: number) => void][] = [
  ["q", 0, (top) => top.type("q")],
  ["Ctrl-C", 130, (top) => top.type(keys.ctrlC)],
  ["q while help is shown, twice", 0, (top) => top.type("?qq")],
  ["Ctrl-C while a filter is typed", 130, (top) => top.type(`/abc${keys.ctrlC}`)],
  ["SIGINT", 130, (_top, pid) => process.kill(pid, "SIGINT")],
  ["SIGTERM", 143, (_top, pid) => process.kill(pid, "SIGTERM")],
  ["SIGHUP", 143, (_top, pid) => process.kill(pid, "SIGHUP")],
];

for (const [name, code, leave] of ways) {
  test(`after ${name} the terminal is as it was, with exit code ${code}`, async () => {
    await using db = await freshDatabase();
    using cli = await openCli(db);
    const { top, pid } = await started(cli);
    await using _ = top;
    leave(top, pid);
    await expectRestored(cli, top, code);
  });
}

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
