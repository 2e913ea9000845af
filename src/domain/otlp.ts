/** A finished span of a trace, in nanoseconds since 1970. */
export interface TraceSpan {
  /** 32 and 16 hexadecimal digits. */
  traceId: string;
  spanId: string;
  parentSpanId?: string | undefined;
  name: string;
  startNanos: bigint;
  endNanos: bigint;
  attributes: Readonly<Record<string, string | number>>;
  /** The contexts that it belongs to without being their child. */
  links: readonly TraceContext[];
  /** The message of the error, if it failed. */
  error: string | null;
}

export interface TraceContext {
  traceId: string;
  spanId: string;
}

/** The context in a W3C `traceparent`. */
export function contextOf(traceparent: string): TraceContext {
  const [, traceId = "", spanId = ""] = traceparent.split("-");
  return { traceId, spanId };
}

/** CONSUMER and ERROR in the protocol. */
const consumer = 5;
const failed = 2;

/** A request to `/v1/traces` of OTLP over HTTP, in JSON. */
export const traceRequest = (
  spans: readonly TraceSpan[],
  resource: Readonly<Record<string, string>>,
  scope: { name: string; version: string },
): object => ({
  resourceSpans: [
    {
      resource: { attributes: attributesOf(resource) },
      scopeSpans: [{ scope, spans: spans.map(spanOf) }],
    },
  ],
});

const spanOf = ({ startNanos, endNanos, attributes, links, error, ...span }: TraceSpan) => ({
  ...span,
  kind: consumer,
  startTimeUnixNano: String(startNanos),
  endTimeUnixNano: String(endNanos),
  attributes: attributesOf(attributes),
  links,
  status: error === null ? {} : { code: failed, message: error },
});

const attributesOf = (values: Readonly<Record<string, string | number>>) =>
  Object.entries(values).map(([key, value]) => ({ key, value: valueOf(value) }));

function valueOf(value: string | number) {
  if (typeof value === "string") return { stringValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
