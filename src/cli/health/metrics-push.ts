import { type Metric, metricFormats, metricText } from "../../domain/metric-text.ts";
import { parseHttpUrl, takeLogin } from "../http/http-url.ts";
import { requestFailure } from "../http/request-failure.ts";

const answerMs = 3_000;

/** Where a Pushgateway takes metrics; its password is not part of `url`, which is logged. */
export interface PushTarget {
  url: string;
  headers: Readonly<Record<string, string>>;
}

/**
 * The target of `--push`: the address of a Pushgateway, which gets the group of this host, or the
 * URL of a group such as `http://host:9091/metrics/job/nightly`.
 *
 * @throws {InvalidInput}
 */
export function pushTarget(text: string, host: string): PushTarget {
  const expected = "the URL of a Pushgateway, such as http://localhost:9091";
  const url = parseHttpUrl(text, "--push", expected);
  const headers = takeLogin(url);
  const group = `/metrics/job/pdoflow/instance/${encodeURIComponent(host)}`;
  if (!url.pathname.includes("/metrics/")) {
    url.pathname = `${url.pathname.replace(/\/$/, "")}${group}`;
  }
  return { url: url.href, headers };
}

/**
 * Pushes the metrics of a pool that ends. Only what stays true: counters, histograms and its
 * version. The gateway keeps them until the next push, and a gauge such as "not connected" would
 * keep an alert firing.
 *
 * @returns why it failed, or null.
 */
export async function pushMetrics(
  { url, headers }: PushTarget,
  metrics: readonly Metric[],
): Promise<string | null> {
  const lasting = metrics.filter(({ type, name }) => type !== "gauge" || name.endsWith("_info"));
  try {
    const reply = await fetch(url, {
      method: "PUT",
      headers: { ...headers, "content-type": metricFormats.text },
      body: metricText(lasting, "text"),
      signal: AbortSignal.timeout(answerMs),
      redirect: "error",
    });
    const [said = ""] = (await reply.text()).trim().split("\n");
    return reply.ok ? null : `${url} answered with ${reply.status} ${said.slice(0, 200)}`;
  } catch (error) {
    return `${url}: ${requestFailure(error, { server: "the Pushgateway", answerMs })}`;
  }
}
