// A program of a user that uses OpenTelemetry posts in a span.
import { mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "bun:test";

import { freshDatabase } from "../database.ts";
import { emptyProject, node, packageFile } from "./project.ts";

const program = `
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { close, postWork } from "pdoflow";

const given = "00-" + "e".repeat(32) + "-" + "f".repeat(16) + "-01";
const options = { db: process.argv[2] };
const post = (more) => postWork("a.ts#f", [[1]], [], { ...options, ...more });
await post();
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
await post();
const within = (spanId, traceFlags, work) => {
  const span = trace.wrapSpanContext({ traceId: "a".repeat(32), spanId, traceFlags });
  return context.with(trace.setSpan(context.active(), span), work);
};
await within("b".repeat(16), 1, async () => {
  await new Promise(setImmediate);
  await post();
});
await within("c".repeat(16), 0, () => post());
await within("d".repeat(16), 1, () => post({ traceparent: given }));
await within("0".repeat(16), 1, () => post()); // no context of a span
await close();
`;

test("a posting has the trace of the span that is active in the program", async () => {
  await using db = await freshDatabase();
  await using project = await emptyProject();
  await project.write({ "post.mjs": program });
  for (const name of ["@opentelemetry/api", "@opentelemetry/context-async-hooks"]) {
    const link = join(project.folder, "node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(await packageFile(name), link);
  }
  for (const runtime of [await node("20"), process.execPath]) {
    await db.sql`truncate pdoflow.posting cascade`;
    await project.run([runtime, "post.mjs", db.url]);
    const rows = await db.sql`select traceparent from pdoflow.posting order by id`;
    expect(rows.map(({ traceparent }): unknown => traceparent)).toEqual([
      null,
      null,
      `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
      `00-${"a".repeat(32)}-${"c".repeat(16)}-00`,
      `00-${"e".repeat(32)}-${"f".repeat(16)}-01`,
      null,
    ]);
  }
}, 300_000); // it may install the packages
