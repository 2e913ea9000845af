import {
  acceptedFormat,
  type Metric,
  type MetricFormat,
  metricFormats,
  metricText,
} from "../../domain/metric-text.ts";
import type { HttpReply, HttpRequest } from "../http/http-server.ts";

/** A page with metrics, in the format that the scraper prefers. */
export function metricsPage(metrics: readonly Metric[], { headers }: HttpRequest): HttpReply {
  const format: MetricFormat = acceptedFormat(headers.get("accept") ?? "");
  return { status: 200, type: metricFormats[format], body: metricText(metrics, format) };
}
