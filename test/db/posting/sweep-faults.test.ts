// Descriptions of sweeps that the server refuses.
import { expect, test } from "bun:test";

import { queueOfFile, refusal } from "../engine.ts";

const queue = queueOfFile();
const axes = (...list: unknown[]) => JSON.stringify({ axes: list });

test.each<[string, string, string]>([
  ["no axes", "{}", "expected an object with a list of axes"],
  ["an empty list", axes(), "expected an object with a list of axes"],
  ["more than axes", '{"axes":[{"values":[1]}],"x":1}', "expected an object with a list of axes"],
  ["no object", axes(7), "expected an axis with values, or with first and last, found 7"],
  ["no values", axes({ values: [] }), "expected values to be a list of at least one"],
  ["an unknown key", axes({ value: [1] }), 'or parts, found "value"'],
  ["a name that is no text", axes({ name: 1, values: [1] }), "expected a text as name, found 1"],
  [
    "a name twice",
    axes({ name: "a", values: [1] }, { name: "a", values: [2] }),
    'expected each name once, found "a" several times',
  ],
  ["both kinds", axes({ values: [1], first: 1, last: 2 }), "found both"],
  ["half a range", axes({ first: 1 }), "expected values, or numbers as first, last and step"],
  ["a range of texts", axes({ first: "1", last: "2" }), "or numbers as first, last and step"],
  [
    "no step",
    axes({ first: 1, last: 2, step: 0 }),
    "expected a step that leads from 1 to 2, found 0",
  ],
  ["a step back", axes({ first: 1, last: 2, step: -1 }), "that leads from 1 to 2, found -1"],
  [
    "a huge number",
    '{"axes":[{"first":1,"last":1e100000}]}',
    "expected numbers of up to 40 digits",
  ],
  ["a wide number", axes({ first: 1, last: 2, width: 1e9 }), "expected a width from 1 to 99"],
  ["no parts", axes({ parts: [] }), "expected a list of parts and nothing else"],
  ["parts of parts", axes({ parts: [{ parts: [] }] }), "expected values, or numbers as first"],
  ["two lines", '{"axes":[{"values":[[1,\n2]]}]}', "expected it on one line"],
  ["no JSON", "{", "invalid input syntax for type json"],
  [
    "2^31 jobs",
    axes({ first: 1, last: 2 ** 31 }),
    "at most 2147483647 jobs, the limit of a posting, found 2147483648",
  ],
  [
    "1e20 jobs",
    axes({ first: 1, last: 1e10 }, { first: 1, last: 1e10 }),
    "found 100000000000000000000",
  ],
  [
    "long lines",
    axes(...Array.from({ length: 700 }, () => ({ first: 1, last: 1, width: 99 }))),
    "expected up to 65536 bytes of arguments in each job of a sweep",
  ],
  ["a long text", axes({ values: ["x".repeat(65_536)] }), "expected a sweep of up to 65536 bytes"],
])("refused: a sweep with %s", async (_what, text, message) => {
  await using db = await queue();
  const posted = db.sql`select pdoflow.post_sweep('a.ts#f', '{}', ${text}, true)`;
  expect(await refusal(posted)).toContain(message);
  expect([...(await db.sql`select from pdoflow.job`)]).toEqual([]);
});
