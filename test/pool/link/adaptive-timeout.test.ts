import { expect, test } from "bun:test";

import { AdaptiveTimeout } from "../../../src/pool/link/adaptive-timeout.ts";

/** One that a quick answer has brought down to the usual. */
function usual(): AdaptiveTimeout {
  const timeout = new AdaptiveTimeout(5_000, 8);
  expect(timeout.ms).toBe(40_000);
  timeout.answered(10);
  expect(timeout.ms).toBe(5_000);
  return timeout;
}

test("it doubles with each loss, up to the longest and a minute", () => {
  const timeout = usual();
  const waits = [1, 2, 3, 4].map(() => {
    timeout.lost();
    return timeout.ms;
  });
  expect(waits).toEqual([10_000, 20_000, 40_000, 40_000]);
  expect(new AdaptiveTimeout(40_000, 8).ms).toBe(60_000);
  expect(new AdaptiveTimeout(100_000, 8).ms).toBe(100_000); // a long heartbeat timeout
});

test("quick answers halve it, down to the usual", () => {
  const timeout = usual();
  for (let i = 0; i < 3; i++) timeout.lost();
  const waits = [1, 2, 3, 4].map(() => {
    timeout.answered(10);
    return timeout.ms;
  });
  expect(waits).toEqual([20_000, 10_000, 5_000, 5_000]);
});

test("after a slow answer, it is four times as long as this took", () => {
  const timeout = usual();
  timeout.answered(3_000);
  expect(timeout.ms).toBe(12_000);
  timeout.answered(2_000);
  expect(timeout.ms).toBe(8_000);
  timeout.answered(30_000);
  expect(timeout.ms).toBe(40_000);
});

test("it may be told to stay the same", () => {
  const timeout = new AdaptiveTimeout(5_000, 1);
  timeout.lost();
  expect(timeout.ms).toBe(5_000);
  timeout.answered(4_000);
  expect(timeout.ms).toBe(5_000);
});
