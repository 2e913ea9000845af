import { setTimeout as sleep } from "node:timers/promises";

import { poolDefaults } from "../../src/pool/options.ts";
import { Pool } from "../../src/pool/pool.ts";
import { RootWatch } from "../../src/pool/entry/root-watch.ts";
import { InProcessRunner } from "../../src/pool/run/in-process-runner.ts";
import type { Target } from "../../src/db/settings/target.ts";
import type { SharedConnections } from "./shared-links.ts";

export const slotsAPool = 16;
/** At most this number start at a time, if the server is slow. */
const startsAtOnce = 16;

interface StartOptions {
  startMs: number;
  heartbeatTimeoutMs: number;
  log: (line: string) => void;
}

/**
 * Real pools in this process, without connections of their own; their jobs are `run`, which only
 * waits. They start in `startMs` or more, so that their heartbeats are spread as those of a cluster.
 */
export async function startPools(
  target: Target,
  shared: SharedConnections,
  count: number,
  run: (...args: readonly unknown[]) => Promise<unknown>,
  { startMs, heartbeatTimeoutMs, log }: StartOptions,
): Promise<Pool[]> {
  const load = () => Promise.resolve(run);
  let starting = Promise.resolve();
  return await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const turn = starting;
      const { promise: started, resolve } = Promise.withResolvers<void>();
      if (index % startsAtOnce === 0) starting = started;
      await Promise.all([turn, sleep((index / count) * startMs)]);
      return await Pool.start(
        target,
        {
          ...{ ...poolDefaults, project: null, host: `node-${index}`, pid: process.pid, log },
          ...{ osUser: "bench", version: "bench", maxWorkers: slotsAPool, heartbeatTimeoutMs },
          codeWatch: new RootWatch(() => Promise.resolve(true)),
          makeRunner: (context) =>
            new InProcessRunner({ concurrency: slotsAPool, root: "/", load }, context),
        },
        shared.open,
      ).finally(resolve);
    }),
  );
}
