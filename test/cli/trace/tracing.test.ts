// Traces, with a collector of our own that keeps what it gets.
import { expect, test } from "bun:test";

import { traceSettings } from "../../../src/cli/trace/trace-settings.ts";
import { freshDatabase } from "../../database.ts";
import { freePort } from "../../free-port.ts";
import { openCommands } from "../in-process.ts";
import { idOf, openCollector } from "./collector.ts";

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
  expect(JSON.stringify(collector.requests[0]?.resource)).toContain('"night"');
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
  expect(err).toContain("pool: spans are not sent: ");
  expect(err).toContain("pool: 3000 spans were dropped\n");
});

test("secrets for the collector are not logged, in whatever way they come", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("jobs.ts", jobs);
  await cli.run("post", "jobs.ts#double", "--each", "1-5");
  using collector = openCollector(() => new Response("secret", { status: 401 }));
  const env = { OTEL_EXPORTER_OTLP_HEADERS: "api-key=secret" };
  const url = collector.url.replace("//", "//ann:secret@");
  const { code, err } = await cli.runWith({ env }, "pool", "--once", "--otlp", url);
  expect([code, err]).toEqual([0, expect.stringContaining("/v1/traces answered with 401")]);
  const [request] = collector.requests;
  expect(request?.headers.get("authorization")).toBe(`Basic ${btoa("ann:secret")}`);
  const malformed = { OTEL_EXPORTER_OTLP_HEADERS: "api-key=secret%0a" };
  const refused = await cli.runWith({ env: malformed }, "pool", "--once", "--otlp", url);
  expect([refused.code, err + refused.err]).toEqual([2, expect.not.stringContaining("secret")]);
});

test("code of jobs continues their traces: functions, commands, and jobs that it posts", async () => {
  await using db = await freshDatabase();
  using collector = openCollector();
  using cli = await openCommands(db);
  await cli.write(
    "own.ts",
    `import { currentJob } from "pdoflow";
    export const context = () => currentJob()?.traceparent;
    export const posts = () => currentJob()?.post("own.ts#context", [[1], [2]]);`,
  );
  const inherited = { env: { TRACEPARENT: traceparent } };
  await cli.runWith(inherited, "post", "own.ts#context", "--each", "1-12");
  await cli.runWith(inherited, "post", "own.ts#posts", "--no-args");
  await cli.runWith(inherited, "post", "--no-args", "--", "echo $TRACEPARENT");
  const daily = ["schedule", "add", "own", "@daily", "--", "post", "own.ts#context", "--no-args"];
  expect((await cli.runWith(inherited, ...daily)).code).toBe(0); // without the trace of this command
  await cli.runWith({ env: { TRACEPARENT: "x" } }, "post", "own.ts#context", "--no-args");
  const flags = ["--once", "--commands", "--trace-share", "0%", "--otlp", collector.url];
  expect((await cli.run("pool", "--max-workers", "2", ...flags)).code).toBe(0);
  const spans = new Map(collector.spans.map((span) => [idOf(span), span]));
  const own = (id: string, flag = "01") =>
    `00-${spans.get(id)?.traceId}-${spans.get(id)?.spanId}-${flag}`;
  const results = JSON.parse(
    (await cli.run("results", "1", "--json")).out.replaceAll("\n", ",").replace(/^(.*),$/, "[$1]"),
  );
  expect(results[0]).toMatchObject({ result: own("1/0") });
  expect(results[11].result).toEndWith("-00");
  const [posts, command, alone] = [spans.get("2/0"), spans.get("3/0"), spans.get("4/0")];
  expect([posts, command]).toMatchObject([
    { traceId: context.traceId },
    { traceId: context.traceId },
  ]);
  expect((await cli.run("logs", "3/0")).out).toContain(own("3/0"));
  expect(alone).toMatchObject({ links: [] });
  const link = { traceId: context.traceId, spanId: posts?.spanId };
  expect([spans.get("5/0"), spans.get("5/1")]).toMatchObject([
    { links: [link] },
    { links: [link] },
  ]);
});

test("in a pool that sends no traces, jobs get the trace of their posting", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.run("post", "--traceparent", traceparent, "--no-args", "--", "echo $TRACEPARENT");
  await cli.runWith({ env: { TRACEPARENT: traceparent } }, "pool", "--once", "--commands");
  expect((await cli.run("logs", "1/0")).out).toContain(traceparent);
  await cli.run("post", "--no-args", "--", "echo x${TRACEPARENT}x");
  // Its own is not that of its jobs.
  await cli.runWith({ env: { TRACEPARENT: traceparent } }, "pool", "--once", "--commands");
  expect((await cli.run("logs", "2/0")).out).toContain("xx");
});

test("no collector is named, so nothing is traced", () => {
  expect(traceSettings({ otlp: undefined, share: undefined }, {})).toBeNull();
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
  for (const off of ["OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=none"]) {
    const [name = "", value] = off.split("=");
    const found = traceSettings({ otlp: "http://c:1", share: 1 }, { [name]: value });
    const notes = [`${name}: ignored, because --otlp names a collector`];
    expect(found).toMatchObject({ url: "http://c:1/v1/traces", notes });
  }
  expect(() => url("localhost:4317", {})).toThrow("--otlp: expected the URL of a collector");
  expect(() => url("http://c", { OTEL_EXPORTER_OTLP_HEADERS: "secret" })).toThrow(
    "OTEL_EXPORTER_OTLP_HEADERS: expected key=value with commas between them",
  );
});

test("the variables of OpenTelemetry choose which attempts are traced; --trace-share precedes", () => {
  const otlp = "http://c";
  const of = (share: number | undefined, sampler: string, arg?: string) => {
    const env = { OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: arg };
    const found = traceSettings({ otlp, share }, env);
    return found && { ...found.sampler, notes: found.notes.length };
  };
  const usual = { share: 0.001, heedsParent: true, keepsNotable: true, notes: 0 };
  expect(of(undefined, "")).toEqual(usual);
  expect(of(0.5, "always_off")).toEqual({ ...usual, share: 0.5 });
  expect(of(undefined, "always_on")).toEqual({ ...usual, share: 1, heedsParent: false });
  expect(of(undefined, "always_off")).toBeNull();
  expect(of(undefined, "parentbased_always_off")).toEqual({
    ...{ ...usual, share: 0, keepsNotable: false },
  });
  expect(of(undefined, "parentbased_traceidratio", "0.25")).toEqual({ ...usual, share: 0.25 });
  expect(of(undefined, "traceidratio", "many")).toEqual({
    ...{ ...usual, share: 1, heedsParent: false, notes: 1 },
  });
  expect(of(undefined, "jaeger_remote")).toEqual({ ...usual, notes: 1 });
});

test("--trace-share without a collector is refused, unless tracing is turned off", () => {
  const of = (env: Record<string, string>) => traceSettings({ otlp: undefined, share: 0.5 }, env);
  expect(() => of({ OTEL_EXPORTER_OTLP_ENDPOINT: "" })).toThrow(
    "--trace-share: expected a collector with it (--otlp or OTEL_EXPORTER_OTLP_ENDPOINT)",
  );
  expect(of({ OTEL_SDK_DISABLED: "true" })).toBeNull();
  expect(of({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://c" })).not.toBeNull();
});
