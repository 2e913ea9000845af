import { expect, test } from "bun:test";

import { encodeJobs } from "../../../src/library/post/encode-jobs.ts";

const alone = { kwargs: [], priorities: undefined };

test("jobs are read on demand, 5,000 at a time", async () => {
  let read = 0;
  function* endless() {
    for (;;) yield [read++];
  }
  const batches = encodeJobs({ ...alone, posargs: endless() });
  await batches.next();
  const { value: second } = await batches.next();
  expect(second?.args).toHaveLength(5_000);
  expect(second?.args[0]).toBe("[5000]");
  expect(read).toBe(10_001); // one more, to know that there is one
  await batches.return();
});

test("a batch of long arguments has fewer jobs", async () => {
  const lists = Array.from({ length: 10 }, () => ["x".repeat(400_000)]);
  const sizes: number[] = [];
  for await (const { args } of encodeJobs({ ...alone, posargs: lists })) sizes.push(args.length);
  expect(sizes).toEqual([3, 3, 3, 1]);
});

test.each([
  ["1,000 jobs", "short", 20_000, 1_001],
  ["what takes long to encode", "x".repeat(50_000), 100, 7],
])("no turn of the event loop takes more than %s", async (_what, text, jobs, most) => {
  let [inTurn, longest] = [0, 0];
  const turn = () => {
    inTurn = 0;
    next = setImmediate(turn);
  };
  let next = setImmediate(turn);
  function* lists() {
    for (let i = 0; i < jobs; i++) {
      longest = Math.max(longest, ++inTurn);
      yield [text];
    }
  }
  await Array.fromAsync(encodeJobs({ ...alone, posargs: lists() }));
  clearImmediate(next);
  expect(longest).toBeLessThanOrEqual(most);
});

test("a batch has a priority for each of its jobs, or none", async () => {
  const posargs = [[1], [2]];
  const read = (priorities: number[] | undefined) =>
    Array.fromAsync(encodeJobs({ posargs, kwargs: [], priorities }));
  expect(await read([3, -4])).toEqual([{ args: ["[1]", "[2]"], priorities: [3, -4] }]);
  expect(await read(undefined)).toEqual([{ args: ["[1]", "[2]"] }]);
});
