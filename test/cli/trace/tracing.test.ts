// Traces, with a collector of our own that keeps what it gets.
import { expect, test } from "bun:test";
import * as v from "valibot";

import { traceSettings } from "../../../src/cli/trace/trace-settings.ts";
import { freshDatabase } from "../../database.ts";
import { freePort } from "../../free-port.ts";
import { openCommands } from "../in-process.ts";

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

function openCollector(port = 0) {
  const spans: v.InferOutput<typeof SpanRow>[] = [];
  const requests: { path: string; headers: Headers }[] = [];
  const server = Bun.serve({
    ...{ hostname: "127.0.0.1", port },
    async fetch(request) {
      requests.push({ path: new URL(request.url).pathname, headers: request.headers });
      spans.push(
        ...v.parse(TraceRequest, await request.json()).resourceSpans[0].scopeSpans[0].spans,
      );
      return Response.json({});
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  return { spans, requests, url, [Symbol.dispose]: () => void server.stop(true) };
}

const idOf = ({ attributes }: v.InferOutput<typeof SpanRow>): string =>
  String(attributes.find(({ key }) => key === "messaging.message.id")?.value["stringValue"]);

const jobs = `export const double = (i: number) => i * 2;
export function fails(i: number) { throw new RangeError("no " + i); }
export const waits = (ms: number) => Bun.sleep(ms);`;
const context = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
const traceparent = `00-${context.traceId}-${context.spanId}-01`;

test("first jobs and failures become spans that link to the trace of their posting", async () => {
  await using db = await freshDatabase();
  using collector = openCollector();
  using cli = await openCommands(db);
  await cli.write("jobs.ts", jobs);
  const posted = ["--traceparent", traceparent, "--max-attempts", "1"];
  await cli.run("post", "jobs.ts#double", "--each", "1-5000", ...posted);
  await cli.run("post", "jobs.ts#fails", "--each", "1-15", "--stop-after", "0", ...posted);
  await cli.run("post", "jobs.ts#double", "--each", "1-3");
  await cli.run("post", "jobs.ts#waits", "--args", "30", ...posted);
  const env = { OTEL_EXPORTER_OTLP_HEADERS: "api-key=a%20b", OTEL_SERVICE_NAME: "night" };
  const words = ["pool", "--once", "--max-workers", "2", "--otlp", `${collector.url}/`];
  const ended = await cli.runWith({ env }, ...words, "--trace-share", "0%");
  expect(ended).toMatchObject({ code: 1, err: expect.not.stringContaining("dropped") });
  const ids = collector.spans.map(idOf).toSorted();
  const ofPosting = (id: number, count: number) =>
    Array.from({ length: count }, (_, i) => `${id}/${i}`);
  expect(ids).toEqual(
    [...ofPosting(1, 10), ...ofPosting(2, 15), ...ofPosting(3, 3), "4/0"].toSorted(),
  );
  const of = (id: string) => collector.spans.find((span) => idOf(span) === id);
  expect(of("1/3")).toMatchObject({ name: "run jobs.ts#double", links: [context], status: {} });
  expect(of("1/3")?.traceId).not.toBe(context.traceId);
  expect(of("2/3")).toMatchObject({ links: [context], status: { code: 2, message: "no 4" } });
  expect(of("2/3")?.attributes).toContainEqual({
    ...{ key: "error.type", value: { stringValue: "RangeError" } },
  });
  expect(of("3/0")?.links).toEqual([]);
  const alone = of("4/0");
  expect(alone).toMatchObject({
    traceId: context.traceId,
    parentSpanId: context.spanId,
    links: [],
  });
  const nanos = BigInt(alone?.endTimeUnixNano ?? 0) - BigInt(alone?.startTimeUnixNano ?? 0);
  expect(Number(nanos) / 1e6).toBeGreaterThanOrEqual(29);
  const endedMs = Number(BigInt(alone?.endTimeUnixNano ?? 0) / 1_000_000n);
  expect(Math.abs(endedMs - Date.now())).toBeLessThan(60_000);
  expect(collector.requests[0]?.path).toBe("/v1/traces");
  expect(collector.requests[0]?.headers.get("api-key")).toBe("a b");
});

test("a collector that does not answer costs no job, and the lost spans are counted", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("jobs.ts", jobs);
  await cli.run("post", "jobs.ts#double", "--each", "1-3000");
  const url = `http://127.0.0.1:${await freePort()}`;
  const { code, err } = await cli.run(
    ...["pool", "--once", "--max-workers", "2", "--otlp", url, "--trace-share", "100%"],
  );
  expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining("3000 done") });
  expect(err).toContain("pool: spans are dropped: ");
  expect(err).toContain("pool: 3000 spans were dropped\n");
});

test("a collector that hangs does not keep a pool from ending", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("jobs.ts", jobs);
  await cli.run("post", "jobs.ts#double", "--each", "1-5");
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Promise(() => {}) });
  const { code, err } = await cli.run(
    ...["pool", "--once", "--max-workers", "1", "--otlp", `http://127.0.0.1:${server.port}`],
  );
  void server.stop(true);
  expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining("5 spans were dropped") });
  expect(err).toContain("spans are dropped: the pool has ended");
});

test("no collector is named, so nothing is traced", () => {
  expect(traceSettings({ otlp: undefined, share: 1 }, {})).toBeNull();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://a:4318", OTEL_SDK_DISABLED: "true" };
  expect(traceSettings({ otlp: undefined, share: 1 }, env)).toBeNull();
});

test("the variables of OpenTelemetry name the collector, and --otlp takes precedence", () => {
  const all = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://a:4318/base",
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://b/exact",
  };
  const url = (otlp: string | undefined, env: Record<string, string>) =>
    traceSettings({ otlp, share: 1 }, env)?.url;
  expect(url(undefined, all)).toBe("https://b/exact");
  expect(url(undefined, { OTEL_EXPORTER_OTLP_ENDPOINT: "http://a:4318/base" })).toBe(
    "http://a:4318/base/v1/traces",
  );
  expect(url("http://c:1", all)).toBe("http://c:1/v1/traces");
  expect(() => url("localhost:4317", {})).toThrow("--otlp: expected the URL of a collector");
  expect(() => url("http://c", { OTEL_EXPORTER_OTLP_HEADERS: "secret" })).toThrow(
    "OTEL_EXPORTER_OTLP_HEADERS: expected key=value with commas between them",
  );
});
