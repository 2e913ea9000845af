import { expect, test } from "bun:test";

import { ClusterPool, postWork as typed, Value } from "../../src/index.ts";
import { scale } from "./jobs.ts";

/** As a program without types calls it. Nothing listens there: none of these may get so far. */
const postWork = typed as unknown as (...args: unknown[]) => Promise<unknown>;
const db = "postgres://nobody@127.0.0.1:1/none";
const options = { root: import.meta.dir, db };

test.each<[name: string, mistake: () => unknown, said: string]>([
  ["no function", () => postWork(undefined, [[1]]), "found a value of type undefined"],
  ["no function, but null", () => postWork(null, [[1]]), "marked, found null"],
  ["a function that is not marked", () => postWork(() => 1, [[1]]), "that job() marked"],
  [
    "arguments that are not in lists",
    () => postWork(scale, [1, 2]),
    "found a value of type number",
  ],
  ["a promise of lists", () => postWork(scale, Promise.resolve([])), "a promise: await it first"],
  [
    "options in the place of kwargs",
    () => postWork(scale, [[1]], options),
    "Options come after it",
  ],
  [
    "an option that is spelled wrongly",
    () => postWork(scale, [[1]], [], { ...options, prioritty: 1 }),
    'prioritty: there is no such name here. Did you mean "priority"?',
  ],
  [
    "an option that there is not",
    () => new ClusterPool({ size: 1 } as object),
    "size: there is no such name here, only concurrency, maxWorkers, root, project, binary, db",
  ],
  ["an entry point without a name", () => postWork("fit.ts", [[1]]), 'has no "#" and name'],
  [
    "a value that a promise gives",
    () => new Value<unknown>("n", 0, { db }).set(Promise.resolve(1)),
    "Await it",
  ],
])("%s: the message says so", async (_name, mistake, said) => {
  const told = await Promise.resolve()
    .then(mistake)
    .then(
      () => "nothing",
      (error: Error) => error.message,
    );
  expect(told).toContain(said);
});
