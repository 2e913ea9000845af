import { expect, test } from "bun:test";

import { acceptedFormat, type Metric, metricText } from "../../src/domain/metric-text.ts";

const metrics: Metric[] = [
  {
    name: "a_total",
    help: 'A "help"\nof two\\three lines.',
    type: "counter",
    samples: [{ labels: { state: 'x"\\\n' }, value: 1 }],
  },
  { name: "b", help: "B.", type: "gauge", samples: [{ value: -0.5 }, { value: NaN }] },
  { name: "none", help: "Not known.", type: "gauge", samples: [] },
  {
    name: "c_seconds",
    help: "C.",
    type: "histogram",
    value: { limits: [0.001, 1], counts: [2, 0, 3], sum: 12.25 },
  },
];

test("counters, gauges and histograms are written in the text format", () => {
  expect(metricText(metrics, "text")).toBe(String.raw`# HELP a_total A "help"\nof two\\three lines.
# TYPE a_total counter
a_total{state="x\"\\\n"} 1
# HELP b B.
# TYPE b gauge
b -0.5
b NaN
# HELP c_seconds C.
# TYPE c_seconds histogram
c_seconds_bucket{le="0.001"} 2
c_seconds_bucket{le="1"} 2
c_seconds_bucket{le="+Inf"} 5
c_seconds_sum 12.25
c_seconds_count 5
`);
});

test("in OpenMetrics a counter is named without its suffix, and the text has an end", () => {
  const text = metricText(metrics.slice(0, 1), "openMetrics");
  expect(text).toContain("\n# TYPE a counter\na_total{");
  expect(text).toEndWith("\n# EOF\n");
});

test.each([
  ["", "text"],
  ["*/*", "text"],
  ["text/plain", "text"],
  ["application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", "openMetrics"],
  ["text/plain, application/openmetrics-text; version=1.0.0; q=0.5", "openMetrics"],
  ["application/openmetrics-text; q=0, text/plain", "text"],
] as const)("a scraper that accepts %s gets %s", (accept, format) => {
  expect(acceptedFormat(accept)).toBe(format);
});
