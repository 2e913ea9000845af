import { test } from "bun:test";

import { runChaos } from "./run-chaos.ts";

// The harness reads /proc to find workers and remaining processes.
test.skipIf(process.platform !== "linux").each([
  [1, false],
  [2, true],
  [3, false],
])(
  "each job ends once, and nothing is left behind, whatever is killed, stopped or cut off in two minutes (seed %d, TLS: %p)",
  (seed, isTls) => runChaos(seed, 2, isTls),
  600_000,
);
