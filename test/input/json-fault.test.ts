import { expect, setDefaultTimeout, test } from "bun:test";
import * as fc from "fast-check";

import { findFault } from "../../src/input/json-fault.ts";
import { anyJson } from "../job/any-value.ts";

setDefaultTimeout(60_000);

test("finds a fault in exactly the texts that JSON.parse refuses", () => {
  const tokens = [
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    '"a"',
    '"',
    "\\",
    "1",
    "01",
    "-",
    ".5",
    "e3",
    "tru",
  ];
  const anyTokens = fc.array(fc.constantFrom(...tokens, "true", " ", "\n", "\u00a0", '"\\u12"'));
  const anyText = fc.oneof(
    anyTokens.map((tokens) => tokens.join("")),
    anyJson.map((value) => JSON.stringify(value, null, 1)),
  );
  fc.assert(
    fc.property(anyText, (text) => {
      const isFaulty = findFault(text, "the end") !== undefined;
      if (isFaulty) expect(() => void JSON.parse(text)).toThrow();
      else expect(() => void JSON.parse(text)).not.toThrow();
    }),
    { numRuns: 1500 },
  );
});

test("a fault is at the first word that cannot be right", () => {
  expect(findFault('[1, {"a": tru}]', "")?.offset).toBe(10);
  expect(findFault('["a\tb"]', "")?.offset).toBe(3);
  expect(findFault("[1, 2", "")?.offset).toBe(5);
});

test("takes the literals of Python, except as keys and inside words", () => {
  expect(findFault('{"a": [NaN, Infinity, -Infinity]}', "")).toBeUndefined();
  expect(findFault("[NaNs]", "")).toMatchObject({ offset: 1, found: '"NaNs"' });
  expect(findFault("{NaN: 1}", "")).toMatchObject({ offset: 1, hint: 'Write "NaN".' });
});

test.each([
  ["['a']", 'a value or ], found "\'"', "Put JSON strings in double quotes."],
  ["[True]", 'a value or ], found "True"', "Write the file with Python's json.dumps."],
  ["[1,]", 'a value, found "]"', "Is there a comma too many before it?"],
  ['{"a":1,}', 'a key in double quotes, found "}"', "Is there a comma too many before it?"],
  ["{a:1}", 'a key in double quotes or }, found "a"', 'Write "a".'],
  ['{"a" 1}', 'a colon, found "1"', undefined],
  ['{"a":1 "b":2}', "a comma or }, found a string", undefined],
  ["[1 2]", 'a comma or ], found "2"', undefined],
  ["[1] # one", 'the end, found "#"', "JSON has no comments: remove them."],
  ["[undefined]", 'a value or ], found "undefined"', 'Write {"$undefined":true}.'],
  ['["C:\\dir"]', "a JSON escape such as \\n, found \\d", "Write two backslashes for one."],
  ["[1,\u00a02]", "a value, found U+00A0", undefined],
])("%j: expected %s", (text, expectedAndFound, hint) => {
  const fault = findFault(text, "the end");
  expect(`${fault?.expected}, found ${fault?.found}`).toBe(expectedAndFound);
  expect(fault?.hint).toBe(hint);
});
