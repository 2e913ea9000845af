import { expect, test } from "bun:test";

import { encodeJobs } from "../../src/library/encode-jobs.ts";

const alone = { kwargs: [], priorities: undefined };

test("jobs are read when they are needed, 5,000 at a time", async () => {
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

test("other things run between two batches", async () => {
  let turns = 0;
  const turn = () => {
    turns++;
    next = setImmediate(turn);
  };
  let next = setImmediate(turn);
  const lists = Array.from({ length: 50_000 }, (_, n) => [n]);
  await Array.fromAsync(encodeJobs({ ...alone, posargs: lists }));
  clearImmediate(next);
  expect(turns).toBeGreaterThanOrEqual(9);
});

test("a batch has a priority for each of its jobs, or none", async () => {
  const posargs = [[1], [2]];
  const read = (priorities: number[] | undefined) =>
    Array.fromAsync(encodeJobs({ posargs, kwargs: [], priorities }));
  expect(await read([3, -4])).toEqual([{ args: ["[1]", "[2]"], priorities: [3, -4] }]);
  expect(await read(undefined)).toEqual([{ args: ["[1]", "[2]"] }]);
});
