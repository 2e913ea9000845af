import { expect, test } from "bun:test";

import { contextOf, isTraced, traceRequest } from "../../src/domain/otlp.ts";

test("a request has the form of OTLP in JSON: 64-bit numbers are texts", () => {
  const span = {
    ...{ traceId: "a".repeat(32), spanId: "b".repeat(16), name: "run a.ts#f" },
    ...{ startNanos: 1_790_000_000_000_000_001n, endNanos: 1_790_000_000_000_000_002n },
    attributes: { text: "x", whole: 3, half: 0.5 },
    links: [contextOf(`00-${"c".repeat(32)}-${"d".repeat(16)}-01`)],
    error: "no",
  };
  const request = traceRequest([span], { "service.name": "s" }, { name: "pdoflow", version: "1" });
  expect(JSON.parse(JSON.stringify(request))).toEqual({
    resourceSpans: [
      {
        resource: { attributes: [{ key: "service.name", value: { stringValue: "s" } }] },
        scopeSpans: [
          {
            scope: { name: "pdoflow", version: "1" },
            spans: [
              {
                ...{ traceId: "a".repeat(32), spanId: "b".repeat(16), name: "run a.ts#f", kind: 5 },
                startTimeUnixNano: "1790000000000000001",
                endTimeUnixNano: "1790000000000000002",
                attributes: [
                  { key: "text", value: { stringValue: "x" } },
                  { key: "whole", value: { intValue: "3" } },
                  { key: "half", value: { doubleValue: 0.5 } },
                ],
                links: [{ traceId: "c".repeat(32), spanId: "d".repeat(16) }],
                status: { code: 2, message: "no" },
              },
            ],
          },
        ],
      },
    ],
  });
});

test("failures and the first ten jobs are traced, and an even share of the others", () => {
  const traced = (share: number, of: { posting?: number; isFailure?: boolean } = {}) =>
    Array.from({ length: 100_000 }, (_, seq) =>
      isTraced({ posting: 42, isFailure: false, ...of, seq }, share),
    ).filter(Boolean).length;
  expect(traced(0)).toBe(10);
  expect(traced(1)).toBe(100_000);
  expect(traced(0, { isFailure: true })).toBe(100_000);
  for (const posting of [1, 42, 2 ** 40]) {
    expect(Math.abs(traced(0.01, { posting }) - 1_010)).toBeLessThan(150);
  }
});
