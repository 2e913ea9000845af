// The programs of `peers`, which post and drain with the packages of the other queues.
import { existsSync } from "node:fs";
import { join } from "node:path";

import { ContenderFailed, run, type Task } from "./contender.ts";

const packages = join(import.meta.dir, "node_modules");
export const scripts = join(import.meta.dir, "peers");
const installed = join(packages, `node-${process.platform}-${process.arch}/bin/node`);
/** The Node of package.json if npm has one for this machine: the peers need a recent one. */
export const node = existsSync(installed) ? installed : "node";

export async function installedVersion(name: string): Promise<string> {
  const description = Bun.file(join(packages, name, "package.json"));
  if (!(await description.exists())) {
    throw new ContenderFailed(`expected ${name}, found none. Run: npm --prefix bench ci`);
  }
  return (await description.json()).version;
}

export interface PostSetting {
  batchSize: number;
  /** How many batches are on their way at the same time, each on a connection of its own. */
  inFlight: number;
}

/** Posts with a script, and returns how long that took in ms. */
export async function postWith(
  script: string,
  asked: { url: string; task: Task; jobs: number } & PostSetting,
  limitMs?: number,
): Promise<number> {
  const command = [node, script, JSON.stringify(asked)];
  return Number(JSON.parse(await run(command, scripts, limitMs)).ms);
}
