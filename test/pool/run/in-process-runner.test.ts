import { expect, test } from "bun:test";

import { InProcessRunner } from "../../../src/pool/run/in-process-runner.ts";
import { leasedRun } from "./leased-runs.ts";

const jobs = (leaseId: number, runningLimit: number | null, count: number) =>
  leasedRun(0, count, {
    ...{ leaseId, runningLimit },
    args: Array.from({ length: count }, () => `[${leaseId}]`).join("\n"),
  });

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
    { concurrency: 5, root: "/", load: () => Promise.resolve(work) },
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
        onFreed: nothing,
        countsOf: () => null,
      },
      readResults: () => Promise.reject(new Error("nothing gathers")),
      post: () => Promise.reject(new Error("no job posts")),
      onStartFailed: nothing,
    },
  );
  runner.add([jobs(7, 2, 20), jobs(8, 1, 20)]);
  expect([runner.backlog, runner.idle]).toEqual([0, 2]); // an idle worker could have none of them
  runner.add([jobs(9, null, 20)]);
  await all.promise;
  await runner.stop();
  expect([most.get(7), most.get(8)]).toEqual([2, 1]);
  expect(most.get(9)).toBeGreaterThanOrEqual(2);
});
