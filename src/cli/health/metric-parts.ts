import type { Metric, MetricValue } from "../../domain/metric-text.ts";

/** A metric of one value; of none if that is null. */
export const gauge = (name: string, help: string, value: number | null): Metric => ({
  ...{ name, help, type: "gauge" },
  samples: value === null ? [] : [{ value }],
});

export const counter = (name: string, help: string, value: number): Metric => ({
  ...{ name, help, type: "counter" },
  samples: [{ value }],
});

/** A metric with a value for each value of one label. */
export const byLabel = (
  type: "gauge" | "counter",
  name: string,
  help: string,
  label: string,
  values: Readonly<Record<string, number>>,
): Metric => ({ ...{ name, help, type }, samples: samplesBy(label, values) });

const samplesBy = (label: string, values: Readonly<Record<string, number>>): MetricValue[] =>
  Object.entries(values).map(([key, value]) => ({ labels: { [label]: key }, value }));
