import { test } from "bun:test";

import { runChaos } from "./run-chaos.ts";

// The harness reads /proc to find workers and remaining processes.
test.skipIf(process.platform !== "linux")(
  "each job ends once, and nothing is left behind, whatever is killed, stopped or cut off",
  () => runChaos(7, 1 / 6),
  180_000,
);
