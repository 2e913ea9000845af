import { cpus, loadavg, release, totalmem } from "node:os";

import { installedVersion, node } from "./peer-scripts.ts";
import { run } from "./contender.ts";
import { binary, root } from "./pdoflow.ts";

export function machine(): Record<string, string> {
  return {
    cores: `${cpus().length} x ${cpus()[0]?.model}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
    kernel: `Linux ${release()}`,
    "load at the start": loadavg()
      .map((n) => n.toFixed(1))
      .join(" "),
  };
}

export async function versions(): Promise<Record<string, string>> {
  return {
    pdoflow: (await run([binary, "--version"], root)).trim(),
    "graphile-worker": await installedVersion("graphile-worker"),
    "pg-boss": await installedVersion("pg-boss"),
    bullmq: await installedVersion("bullmq"),
    Bun: Bun.version,
    Node: (await run([node, "--version"], root)).trim(),
  };
}
