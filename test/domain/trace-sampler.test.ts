import { expect, test } from "bun:test";

import {
  isTraced,
  type SampledAttempt,
  type TraceSampler,
} from "../../src/domain/trace-sampler.ts";

const usual = { share: 0, heedsParent: true, keepsNotable: true };
const attempt = { posting: 42, index: 0, traceparent: null, isAlone: false, isFailure: false };

const traced = (sampler: Partial<TraceSampler>, of: Partial<SampledAttempt> = {}) =>
  Array.from({ length: 100_000 }, (_, index) =>
    isTraced({ ...attempt, ...of, index }, { ...usual, ...sampler }),
  ).filter(Boolean).length;

test("failures and the first ten jobs are traced, and an even share of the others", () => {
  expect(traced({})).toBe(10);
  expect(traced({ share: 1 })).toBe(100_000);
  expect(traced({}, { isFailure: true })).toBe(100_000);
  expect(traced({ keepsNotable: false }, { isFailure: true })).toBe(0);
  for (const posting of [1, 42, 2 ** 40]) {
    expect(Math.abs(traced({ share: 0.01 }, { posting }) - 1_010)).toBeLessThan(150);
  }
});

test("the sampled flag of a posting's trace decides, if it is heeded", () => {
  const context = (flags: string) => `00-${"a".repeat(32)}-${"b".repeat(16)}-${flags}`;
  const failed = { isFailure: true, isAlone: true };
  expect(traced({ share: 1 }, { ...failed, traceparent: context("00") })).toBe(0);
  expect(traced({ share: 1, heedsParent: false }, { traceparent: context("00") })).toBe(100_000);
  const none = { share: 0, keepsNotable: false };
  expect(traced(none, { traceparent: context("01"), isAlone: true })).toBe(100_000);
  expect(traced(none, { traceparent: context("03"), isAlone: true })).toBe(100_000);
  // Its attempts are not children of the span that posted them: a million spans would be many.
  expect(traced(none, { traceparent: context("01") })).toBe(0);
});
