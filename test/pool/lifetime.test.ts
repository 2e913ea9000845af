import { expect, test } from "bun:test";

import { Lifetime } from "../../src/pool/lifetime.ts";

test("a pool that got something to do since was not idle, though it is whenever it is looked at", () => {
  const lifetime = new Lifetime(0, { lifetimeMs: null, idleTimeoutMs: 2_000 });
  for (let now = 1_000; now < 10_000; now += 1_000) {
    lifetime.busy(now - 500); // a job of a few ms
    expect(lifetime.over(now, true)).toBeNull();
  }
  expect(lifetime.over(10_499, true)).toBeNull();
  expect(lifetime.over(10_500, true)).toBe("it had nothing to do");
});

test("a job that runs for long keeps it from being idle; its lifetime ends all the same", () => {
  const lifetime = new Lifetime(0, { lifetimeMs: 60_000, idleTimeoutMs: 2_000 });
  expect(lifetime.over(50_000, false)).toBeNull();
  expect(lifetime.over(51_000, true)).toBeNull();
  expect(lifetime.leftMs(51_000)).toBe(9_000);
  expect(lifetime.over(60_000, false)).toBe("its lifetime is over");
});
