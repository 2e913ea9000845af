import { expect, test } from "bun:test";
import * as fc from "fast-check";

import { texts } from "../../src/db/connection/array.ts";
import { decodeValue, encodeValue } from "../../src/job/values.ts";
import { freshDatabase } from "../database.ts";
import { anyValue, spell } from "./any-value.ts";

test("any value survives jsonb", async () => {
  await using db = await freshDatabase();
  await fc.assert(
    fc.asyncProperty(fc.array(anyValue, { maxLength: 50 }), async (values) => {
      const rows = await db.sql<{ text: string }[]>`
        select text::jsonb::text as text
        from unnest(${texts(values.map((value) => encodeValue(value)))}::text[]) with ordinality as encoded (text, place)
        order by place`;
      expect(rows.map(({ text }) => spell(decodeValue(text)))).toEqual(values.map(spell));
    }),
    { numRuns: 40 },
  );
});

test("every bit of a double survives jsonb", async () => {
  await using db = await freshDatabase();
  const numbers = [
    1e308,
    5e-324,
    2 ** 53 + 2,
    0.1,
    ...fc.sample(fc.double({ noNaN: true, noDefaultInfinity: true }), 2000),
  ];
  const [row] = await db.sql<{ text: string }[]>`
    select ${encodeValue(numbers)}::text::jsonb::text as text`;
  expect(spell(decodeValue(row?.text ?? ""))).toBe(spell(numbers));
});

test("values can be asked for in SQL", async () => {
  await using db = await freshDatabase();
  const text = encodeValue({ alpha: NaN, when: new Date(0), name: "a" });
  const rows = await db.sql`
    select value ->> 'name' as name, value -> 'alpha' ->> '$number' as alpha,
           (value -> 'when' ->> '$date')::timestamptz = to_timestamp(0) as at_zero
    from (select ${text}::text::jsonb as value) as encoded`;
  expect([...rows]).toEqual([{ name: "a", alpha: "NaN", atZero: true }]);
});

test("a thousand levels, the most that is encoded, are not too deep for jsonb", async () => {
  await using db = await freshDatabase();
  let deep: unknown = new Map();
  for (let level = 0; level < 500; level += 1) deep = new Map([[1, deep]]);
  const [row] = await db.sql<{ text: string }[]>`
    select ${encodeValue(deep)}::text::jsonb::text as text`;
  expect(spell(decodeValue(row?.text ?? ""))).toBe(spell(deep));
});
