import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Cli } from "../cli.ts";
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
