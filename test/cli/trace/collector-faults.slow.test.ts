// Collectors that are busy, hang or answer garbage, which takes seconds.
import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../in-process.ts";
import { idOf, openCollector } from "./collector.ts";

const jobs = `export const double = (i: number) => i * 2;
export const waits = (ms: number) => Bun.sleep(ms);`;

test("a batch that the collector cannot take now is sent again, and a refused one is not", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("jobs.ts", jobs);
  await cli.run("post", "jobs.ts#double", "--each", "1-1500");
  // Of three batches, it is too busy for the first one, refuses it, and rejects a part of the next.
  using collector = openCollector((request) => {
    if (request === 0)
      return new Response("<html>", { status: 503, headers: { "retry-after": "1" } });
    if (request === 1) return new Response("no", { status: 400 });
    const partialSuccess = { rejectedSpans: "12", errorMessage: "too\nold" };
    return request === 2 ? Response.json({ partialSuccess }) : null;
  });
  const once = ["pool", "--once", "--max-workers", "1", "--trace-share", "100%", "--otlp"];
  await cli.run("post", "jobs.ts#waits", "--args", "2500");
  const { code, err } = await cli.run(...once, collector.url);
  expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining("answered with 503") });
  expect(err).toContain("pool: 524 spans were dropped\n"); // of 1,501
  expect(err).toContain("spans are sent again");
  const ids = new Set(collector.spans.map(idOf));
  expect(ids.size).toBe(collector.spans.length);
  expect(ids.size).toBe(1_501 - 2 * 512);
});

test("a collector that hangs, or answers garbage without end, keeps no pool from ending", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("jobs.ts", jobs);
  const once = ["pool", "--once", "--max-workers", "1", "--otlp"];
  await cli.run("post", "jobs.ts#double", "--each", "1-5");
  using silent = openCollector(() => new Promise(() => {}));
  const hung = await cli.run(...once, silent.url);
  expect([hung.code, hung.err]).toEqual([0, expect.stringContaining("5 spans were dropped")]);
  expect(hung.err).toContain("the pool has ended");
  await cli.run("post", "jobs.ts#double", "--each", "1-5");
  using endless = openCollector(() => {
    const pull = (to: ReadableStreamDefaultController) => to.enqueue(new Uint8Array(100_000));
    return new Response(new ReadableStream({ pull }));
  });
  const flooded = await cli.run(...once, endless.url);
  expect([flooded.code, flooded.err]).toEqual([0, expect.not.stringContaining("dropped")]);
});
