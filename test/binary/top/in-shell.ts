import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { type Cli, openCli } from "../cli.ts";
import { type Emulated, emulated } from "./emulated.ts";

/**
 * The effect of top on a shell: the settings of the terminal before and after, and the exit code.
 */
const script = `
  stty -a > before
  sh -c 'echo $$ > pid; exec "$0" top' "$TOP"
  echo $? > code
  stty -a > after
  echo the end
  read line`;

export async function started(cli: Cli): Promise<{ top: Emulated; pid: number }> {
  const env = { ...cli.env, TOP: cli.command[0] ?? "" };
  const top = emulated(["/bin/sh", "-c", script], { env, cwd: cli.folder });
  await top.shows("No postings yet");
  return { top, pid: Number(readFileSync(join(cli.folder, "pid"), "utf8")) };
}

/** Waits for the shell to continue, and reads the settings of its terminal. */
export async function expectRestored(cli: Cli, top: Emulated, code: number): Promise<void> {
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

export interface Way {
  name: string;
  code: number;
  leave: (top: Emulated, pid: number) => void;
}

/** Starts top, leaves it in this way, and reads the settings of the terminal. */
export async function expectLeft({ code, leave }: Way): Promise<void> {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  const { top, pid } = await started(cli);
  await using _ = top;
  leave(top, pid);
  await expectRestored(cli, top, code);
}
