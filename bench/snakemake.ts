import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { ContenderFailed, run } from "./contender.ts";
import { clock } from "./measure.ts";
import { scripts } from "./peer-scripts.ts";

const rules = join(scripts, "snakemake/Snakefile");

/** @throws {ContenderFailed} it is not installed, or not version 7. */
export async function snakemakeVersion(): Promise<string> {
  if (Bun.which("snakemake") === null) throw new ContenderFailed("snakemake is not installed");
  const version = (await run(["snakemake", "--version"], scripts)).trim();
  if (version.startsWith("7.")) return version;
  throw new ContenderFailed(`expected snakemake 7, found ${version}`);
}

/**
 * Runs both rules for each element in an empty folder, and returns how long the command took in ms.
 * By default Snakemake starts a process of its own for each job; threads are many times as fast.
 */
export async function runSnakemake(
  folder: string,
  asked: { elements: number; cores: number; limitMs: number },
): Promise<number> {
  const { elements, cores, limitMs } = asked;
  const work = mkdtempSync(join(folder, "snakemake-"));
  const options = ["--cores", String(cores), "--force-use-threads", "--nolock", "--quiet", "all"];
  const config = ["--config", `elements=${elements}`];
  const command = ["snakemake", "--snakefile", rules, ...options, ...config];
  try {
    const ms = await clock(() => run(command, work, limitMs));
    const done = readdirSync(join(work, "two")).length;
    if (done === elements) return ms;
    throw new ContenderFailed(`expected snakemake to do ${elements} elements, found ${done}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
