import { expect, test } from "bun:test";

import { attemptTrace, runningTraceparent, runTrace } from "../../src/job/attempt-trace.ts";

const sampler = { share: 0, heedsParent: true, keepsNotable: true };
const pool = { seed: "s", sampler };
const [traceId, spanId] = ["a".repeat(32), "b".repeat(16)];
const traceparent = `00-${traceId}-${spanId}-01`;
const job = { posting: 42, index: 7, attempt: 1 };

test("each attempt in each pool has ids of its own, and always the same", () => {
  const ids = [
    attemptTrace(pool, { traceparent, isAlone: false }, job),
    attemptTrace(pool, { traceparent, isAlone: false }, { ...job, attempt: 2 }),
    attemptTrace(pool, { traceparent, isAlone: false }, { ...job, index: 8 }),
    attemptTrace({ ...pool, seed: "t" }, { traceparent, isAlone: false }, job),
  ];
  expect(new Set(ids.map((each) => each.traceId)).size).toBe(4);
  expect(new Set(ids.map((each) => each.spanId)).size).toBe(4);
  expect(ids[0]).toEqual(attemptTrace(pool, { traceparent, isAlone: false }, job));
  expect(ids[0]).toMatchObject({ links: [{ traceId, spanId }] });
  expect(attemptTrace(pool, { traceparent, isAlone: true }, job)).toMatchObject({
    ...{ traceId, parentSpanId: spanId, links: [] },
  });
});

test("code runs in the context of its span, sampled if that is sent however it ends", () => {
  const run = runTrace({ traceparent: null, jobCount: 50 }, pool);
  const own = (index: number) => run && runningTraceparent(run, { ...job, index });
  const { traceId: id, spanId: span } = attemptTrace(
    pool,
    { traceparent: null, isAlone: false },
    job,
  );
  expect([own(7), own(11)?.slice(-3)]).toEqual([`00-${id}-${span}-01`, "-00"]);
});

test("in a pool that does not trace, it runs in the context of its posting", () => {
  const run = runTrace({ traceparent, jobCount: 50 }, null);
  expect(run && runningTraceparent(run, job)).toBe(traceparent);
  expect(runTrace({ traceparent: null, jobCount: 50 }, null)).toBeNull();
});
