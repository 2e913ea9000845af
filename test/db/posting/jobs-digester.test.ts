import { expect, test } from "bun:test";

import { JobsDigester, digestOf } from "../../../src/db/posting/jobs-digester.ts";

/** Batches of 777 jobs, whose arguments are their index; one job has others. */
function* batches(count: number, changed = -1) {
  for (let first = 0; first < count; first += 777) {
    const size = Math.min(777, count - first);
    yield {
      args: Array.from({ length: size }, (_, i) =>
        first + i === changed ? "[-1]" : `[${first + i}]`,
      ),
    };
  }
}

test("jobs are passed on, and digested in parts of a thousand", async () => {
  const jobs = new JobsDigester(batches(2_500));
  let count = 0;
  for await (const { args } of jobs) count += args.length;
  const digest = jobs.digest();
  expect([count, digest.count, digest.partJobs, digest.parts.length]).toEqual([
    ...[2_500, 2_500, 1_000, 3],
  ]);
  expect(await digestOf(batches(2_500))).toEqual(digest);
});

test("the part with a changed job has another digest, and no other part", async () => {
  const one = await digestOf(batches(5_000));
  const other = await digestOf(batches(5_000, 3_210));
  const changed = one.parts.flatMap((part, i) => (part === other.parts[i] ? [] : [i]));
  expect(changed).toEqual([3]);
});

test("a digest of many jobs stays short, and still says where a job changed", async () => {
  const one = await digestOf(batches(600_000));
  expect([one.partJobs, one.parts.length]).toEqual([4_000, 150]);
  const other = await digestOf(batches(600_000, 123_456));
  const changed = one.parts.flatMap((part, i) => (part === other.parts[i] ? [] : [i]));
  expect(changed).toEqual([Math.floor(123_456 / 4_000)]);
});
