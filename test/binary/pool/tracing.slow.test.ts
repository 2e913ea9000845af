// The compiled program sends spans of its own, and its workers pass their context on.
import { expect, test } from "bun:test";

import { idOf, openCollector } from "../../cli/trace/collector.ts";
import { freshDatabase } from "../../database.ts";
import { openCli } from "../cli.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";

test("the binary sends spans, and commands and functions continue them", async () => {
  await using db = await freshDatabase();
  using collector = openCollector((request) =>
    request === 0 ? new Response("busy", { status: 429, headers: { "retry-after": "1" } }) : null,
  );
  using cli = await openCli(db);
  await cli.write(
    "own.ts",
    `import { currentJob } from "pdoflow";
    export const own = () => currentJob()?.traceparent;`,
  );
  const env = {
    TRACEPARENT: `00-${trace}-00f067aa0ba902b7-01`,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: "api-key=secret",
  };
  await cli.runWith({ env }, "post", "own.ts#own", "--each", "1-600");
  await cli.runWith({ env }, "post", "--no-args", "--", "sleep 2; echo $TRACEPARENT");
  const flags = ["--once", "--commands", "--max-workers", "2", "--trace-share", "100%"];
  const { code, err } = await cli.runWith({ env }, "pool", ...flags);
  expect([code, err]).toEqual([0, expect.not.stringContaining("dropped")]);
  expect(err).toContain("/v1/traces answered with 429\n");
  expect(err).not.toContain("secret");
  const spans = new Map(collector.spans.map((span) => [idOf(span), span]));
  expect([spans.size, collector.spans.length]).toEqual([601, 601]);
  expect(collector.requests[0]?.headers.get("api-key")).toBe("secret");
  const own = (id: string) => `00-${spans.get(id)?.traceId}-${spans.get(id)?.spanId}-01`;
  expect((await cli.run("results", "1", "--json")).out).toContain(own("1/599"));
  expect(spans.get("1/599")?.links).toEqual([{ traceId: trace, spanId: "00f067aa0ba902b7" }]);
  expect(spans.get("2/0")).toMatchObject({ traceId: trace, parentSpanId: "00f067aa0ba902b7" });
  expect((await cli.run("logs", "2/0")).out).toContain(own("2/0"));
}, 60_000);
