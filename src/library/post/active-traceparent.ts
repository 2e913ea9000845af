import * as v from "valibot";

/** What the package @opentelemetry/api registers globally, since its version 1.0. */
const apiKey = Symbol.for("opentelemetry.js.api.1");
const spanKey = Symbol.for("OpenTelemetry Context Key SPAN");

const hex = (digits: number) =>
  v.pipe(v.string(), v.regex(new RegExp(`^(?!0+$)[0-9a-f]{${digits}}$`)));
const SpanContext = v.object({ traceId: hex(32), spanId: hex(16), traceFlags: v.number() });

interface OpenTelemetry {
  context?: { active(): { getValue(key: symbol): { spanContext(): unknown } | undefined } };
}

/**
 * The W3C trace context of the active span, if the program uses OpenTelemetry; null if there is
 * none.
 */
export function activeTraceparent(): string | null {
  const api = (globalThis as { [apiKey]?: OpenTelemetry })[apiKey];
  const context = api?.context?.active().getValue(spanKey)?.spanContext();
  const parsed = v.safeParse(SpanContext, context);
  if (!parsed.success) return null;
  const { traceId, spanId, traceFlags } = parsed.output;
  return `00-${traceId}-${spanId}-${traceFlags & 1 ? "01" : "00"}`;
}
