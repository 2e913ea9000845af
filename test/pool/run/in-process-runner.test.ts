import { expect, test } from "bun:test";

import * as v from "valibot";

import { PostingOptions } from "../../../src/domain/posting-options.ts";
import type { LeasedJob } from "../../../src/pool/wire/leased-job.ts";
import { InProcessRunner } from "../../../src/pool/run/in-process-runner.ts";

const posting: LeasedJob["posting"] = {
  ...v.parse(PostingOptions, { maxAttempts: 1, graceMs: 0, stopAfter: 0, keepsResults: false }),
  ...{ id: 1, routeId: 1, entryPoint: "a.ts#f", jobCount: 100, isSorted: false },
  ...{ hasFailureLimit: false, hasRate: false, maxResultBytes: null, maxOutputBytes: null },
};

const jobs = (leaseId: number, runningLimit: number | null, count: number): LeasedJob[] =>
  Array.from({ length: count }, (_, seq) => ({
    ...{ leaseId, runningLimit, posting, seq, index: seq, attempt: 1, startBy: null },
    args: `[${leaseId}]`,
  }));

test("L4: of a lease with a limit no more run at a time, and others run beside it", async () => {
  const running = new Map<number, number>();
  const most = new Map<number, number>();
  const work = async (arg: unknown) => {
    const lease = Number(arg);
    const now = (running.get(lease) ?? 0) + 1;
    running.set(lease, now);
    most.set(lease, Math.max(most.get(lease) ?? 0, now));
    await new Promise((resolve) => setImmediate(resolve));
    running.set(lease, (running.get(lease) ?? 0) - 1);
  };
  const all = Promise.withResolvers<void>();
  let left = 60;
  const nothing = () => {};
  const runner = new InProcessRunner(
    { concurrency: 5, load: () => Promise.resolve(work) },
    {
      attempts: {
        onEnd: () => void (--left === 0 && all.resolve()),
        onDone: nothing,
        onTerminated: nothing,
        onLongJob: nothing,
        onProgress: nothing,
        onProfile: nothing,
      },
      supply: {
        onRoom: nothing,
        onReturned: nothing,
        mayStart: () => true,
        hasPeers: () => false,
        jobTime: () => null,
      },
      onStartFailed: nothing,
    },
  );
  runner.add([...jobs(7, 2, 20), ...jobs(8, 1, 20)]);
  expect([runner.backlog, runner.idle]).toEqual([0, 2]); // an idle worker could have none of them
  runner.add(jobs(9, null, 20));
  await all.promise;
  await runner.stop();
  expect([most.get(7), most.get(8)]).toEqual([2, 1]);
  expect(most.get(9)).toBeGreaterThanOrEqual(2);
});
