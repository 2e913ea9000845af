// Postings that wait for others, against a model of them: random graphs, ends, failures, retries by
// hand, cancels, pauses, unblocks and prunes. Nothing runs too early, nothing that could run is
// left, and the states that are derived are those of the model.
import { test } from "bun:test";

import { fuzzTimes } from "../../fuzz-times.ts";
import { queueOfFile } from "../engine.ts";
import { runEdges } from "./edge-run.ts";

const freshQueue = queueOfFile();

test(
  "postings are open, waiting or blocked as in the model",
  () => runEdges(freshQueue, { numRuns: 8 * fuzzTimes, shrinks: true }),
  {
    timeout: 1_500_000,
  },
);
