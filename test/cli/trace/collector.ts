// A collector of our own, which keeps the spans that it gets, or answers as a test says.
import * as v from "valibot";

const Hex = (digits: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${digits}}$`)));
const Nanos = v.pipe(v.string(), v.regex(/^\d{19}$/));
const Attributes = v.array(
  v.object({ key: v.string(), value: v.record(v.string(), v.union([v.string(), v.number()])) }),
);
const SpanRow = v.strictObject({
  ...{ traceId: Hex(32), spanId: Hex(16), parentSpanId: v.optional(Hex(16)), name: v.string() },
  ...{ kind: v.literal(5), startTimeUnixNano: Nanos, endTimeUnixNano: Nanos },
  attributes: Attributes,
  links: v.array(v.strictObject({ traceId: Hex(32), spanId: Hex(16) })),
  status: v.strictObject({ code: v.optional(v.literal(2)), message: v.optional(v.string()) }),
});
const TraceRequest = v.strictObject({
  resourceSpans: v.tuple([
    v.strictObject({
      resource: v.strictObject({ attributes: Attributes }),
      scopeSpans: v.tuple([
        v.strictObject({
          scope: v.strictObject({ name: v.literal("pdoflow"), version: v.string() }),
          spans: v.array(SpanRow),
        }),
      ]),
    }),
  ]),
});

export type CollectedSpan = v.InferOutput<typeof SpanRow>;

/** `answer` may refuse the request of this number, from 0, whose spans are then not kept. */
export function openCollector(answer?: (request: number) => Response | Promise<Response> | null) {
  const spans: CollectedSpan[] = [];
  const requests: { path: string; headers: Headers; resource: unknown }[] = [];
  const server = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0 },
    async fetch(request) {
      const [given] = v.parse(TraceRequest, await request.json()).resourceSpans;
      const { headers, url } = request;
      const instead = answer?.(requests.length) ?? null;
      requests.push({ path: new URL(url).pathname, headers, resource: given.resource });
      if (instead !== null) return await instead;
      spans.push(...given.scopeSpans[0].spans);
      return Response.json({});
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  return { spans, requests, url, [Symbol.dispose]: () => void server.stop(true) };
}

/** The job of a span. */
export const idOf = ({ attributes }: CollectedSpan): string =>
  String(attributes.find(({ key }) => key === "messaging.message.id")?.value["stringValue"]);
