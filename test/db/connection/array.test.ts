import { expect, test } from "bun:test";
import * as fc from "fast-check";

import { integerColumn, integers, texts } from "../../../src/db/connection/array.ts";
import { queueOfFile } from "../engine.ts";

const freshQueue = queueOfFile();

test("any texts and nulls come to the server as they are", async () => {
  await using db = await freshQueue();
  const awkward = fc.constantFrom(
    "",
    "null",
    "NULL",
    '"',
    "\\",
    "{}",
    ",",
    " a ",
    "\n\r\t",
    "\u001e",
  );
  const text = fc.oneof(awkward, fc.string({ unit: "grapheme" }));
  const list = fc.array(fc.option(text.filter((t) => !t.includes("\0"))));
  await fc.assert(
    fc.asyncProperty(list, async (xs) => {
      const rows = await db.sql<{ x: string | null }[]>`
        select x from unnest(${texts(xs)}::text[]) with ordinality as t (x, place) order by place`;
      expect(rows.map(({ x }) => x)).toEqual(xs);
    }),
    { numRuns: 100 },
  );
});

test("any numbers and nulls do", async () => {
  await using db = await freshQueue();
  const list = fc.array(fc.option(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })));
  await fc.assert(
    fc.asyncProperty(list, async (xs) => {
      const rows = await db.sql<{ x: number | null }[]>`
        select x from unnest(${integers(xs)}::integer[]) with ordinality as t (x, place)
        order by place`;
      expect(rows.map(({ x }) => x)).toEqual(xs);
    }),
    { numRuns: 50 },
  );
});

test("so do identifiers beyond 32 bits, and fractions", async () => {
  await using db = await freshQueue();
  const [row] = await db.sql`
    select (${integers([2 ** 53 - 1])}::bigint[])[1] as id, (${integers([0.5])}::real[])[1] as ms`;
  expect(row).toEqual({ id: 2 ** 53 - 1, ms: 0.5 });
});

test("a long column of integers has the same text as a short one", () => {
  const whole = fc.oneof(fc.nat(), fc.nat(9), fc.constantFrom(10, 2 ** 31 - 1, 2 ** 31, 1e16));
  fc.assert(
    fc.property(fc.array(fc.oneof(whole, fc.integer())), (xs) => {
      expect(integerColumn(Float64Array.from(xs))).toBe(integers(xs));
    }),
  );
});
