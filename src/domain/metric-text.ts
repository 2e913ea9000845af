/** One value of a metric, with its labels. */
export interface MetricValue {
  labels?: Readonly<Record<string, string>>;
  value: number;
}

/** Counts of observations: `counts[i]` are at most `limits[i]`, and above the limit before. */
export interface HistogramValue {
  /** Upper limits in the unit of the metric, ascending, without the last one, which is infinite. */
  limits: readonly number[];
  /** One more than `limits`. */
  counts: readonly number[];
  sum: number;
}

/** A metric with its values: at most a few dozen, because each is a time series. */
export type Metric = { name: string; help: string } & (
  | { type: "gauge" | "counter"; samples: readonly MetricValue[] }
  | { type: "histogram"; value: HistogramValue }
);

/** The two formats of Prometheus, by their media types. */
export const metricFormats = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
} as const;

export type MetricFormat = keyof typeof metricFormats;

/** The format that a scraper prefers, from its header `Accept`. */
export const acceptedFormat = (accept: string): MetricFormat =>
  /application\/openmetrics-text(?![^,]*;\s*q=0(\.0*)?\s*(,|$))/.test(accept)
    ? "openMetrics"
    : "text";

/** Metrics in a text format of Prometheus. Metrics without a value are left out. */
export function metricText(metrics: readonly Metric[], format: MetricFormat): string {
  const lines = metrics.flatMap((metric) => linesOf(metric, format));
  if (format === "openMetrics") lines.push("# EOF");
  return `${lines.join("\n")}\n`;
}

function linesOf(metric: Metric, format: MetricFormat): string[] {
  const values = metric.type === "histogram" ? bucketLines(metric) : sampleLines(metric);
  if (values.length === 0) return [];
  // In OpenMetrics a counter is named without the suffix of its samples.
  const isShort = format === "openMetrics" && metric.type === "counter";
  const name = isShort ? metric.name.replace(/_total$/, "") : metric.name;
  return [`# HELP ${name} ${escaped(metric.help)}`, `# TYPE ${name} ${metric.type}`, ...values];
}

const sampleLines = ({ name, samples }: Extract<Metric, { samples: readonly MetricValue[] }>) =>
  samples.map(({ labels = {}, value }) => `${name}${labelText(labels)} ${numberText(value)}`);

function bucketLines({ name, value }: Extract<Metric, { type: "histogram" }>): string[] {
  const { limits, counts, sum } = value;
  let upTo = 0;
  const buckets = [...limits, Infinity].map((limit, i) => {
    upTo += counts[i] ?? 0;
    return `${name}_bucket${labelText({ le: numberText(limit) })} ${upTo}`;
  });
  return [...buckets, `${name}_sum ${numberText(sum)}`, `${name}_count ${upTo}`];
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(
    ([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`,
  );
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

const escaped = (text: string) => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return String(value);
}
