// Nothing is done per job that can be done per batch: counted on the wire.
import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openProxy } from "../../proxy.ts";
import { openCommands } from "../../cli/in-process.ts";

const jobs = 5_000;

/** Counts statements (Execute, Query) and round trips (Sync, Query) of clients. */
class Wire {
  statements = 0;
  roundTrips = 0;
  readonly #rest = new WeakMap<object, Buffer>();

  read(bytes: Buffer, connection: object): void {
    const before = this.#rest.get(connection);
    let rest = before ? Buffer.concat([before, bytes]) : bytes;
    // The first message of a connection has no letter before its length.
    if (!before && rest.length >= 4) rest = rest.subarray(rest.readInt32BE(0));
    while (rest.length >= 5) {
      const length = 1 + rest.readInt32BE(1);
      if (rest.length < length) break;
      const kind = String.fromCharCode(rest[0] ?? 0);
      if (kind === "E" || kind === "Q") this.statements++;
      if (kind === "S" || kind === "Q") this.roundTrips++;
      rest = rest.subarray(length);
    }
    this.#rest.set(connection, Buffer.from(rest));
  }
}

async function measured(act: "post" | "pool"): Promise<Wire> {
  await using db = await freshDatabase();
  const wire = new Wire();
  await using proxy = await openProxy(db.url, (bytes, from) => wire.read(bytes, from));
  using direct = await openCommands(db);
  using counted = await openCommands({ ...db, url: proxy.url });
  const code = "export function noop(_i: number) {}";
  for (const cli of [direct, counted]) await cli.write("noop.ts", code);
  const input = Array.from({ length: jobs }, (_, i) => `[${i}]\n`).join("");
  const poster = act === "post" ? counted : direct;
  const posted = await poster.runWith({ input }, "post", "noop.ts#noop", "-", "--no-check");
  expect(posted).toMatchObject({ code: 0 });
  if (act === "pool") {
    expect(await counted.run("pool", "--once", "--max-workers", "2")).toMatchObject({ code: 0 });
    const [row] = await db.sql`select count(*)::int as n from pdoflow.outcome`;
    expect(row?.["n"]).toBe(jobs);
  }
  return wire;
}

// Each bound is about three times the measured number; one statement for each job would be 1,000.
test("a pool sends some tens of statements for each 1,000 jobs", async () => {
  const { statements, roundTrips } = await measured("pool");
  expect(statements).toBeGreaterThan(0);
  expect((statements / jobs) * 1_000).toBeLessThan(30);
  expect((roundTrips / jobs) * 1_000).toBeLessThan(30);
}, 60_000);

test("a post sends a few statements for each 1,000 jobs", async () => {
  const { statements, roundTrips } = await measured("post");
  expect(statements).toBeGreaterThan(0);
  expect((statements / jobs) * 1_000).toBeLessThan(10);
  expect((roundTrips / jobs) * 1_000).toBeLessThan(10);
}, 60_000);
