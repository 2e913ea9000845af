import { expect, test } from "bun:test";

import { contextOf, traceRequest } from "../../src/domain/otlp.ts";

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
