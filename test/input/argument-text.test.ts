import { describe, expect, setDefaultTimeout, test } from "bun:test";
import * as fc from "fast-check";

import { decodeArgs, encodeArgs } from "../../src/job/values.ts";
import { argumentText, type TextPosition } from "../../src/input/argument-text.ts";
import { anyValue, spell } from "../job/any-value.ts";

setDefaultTimeout(60_000);

const place: TextPosition = {
  element: () => "here",
  position: (offset) => `here, offset ${offset}`,
  end: "the end",
};
const accept = (text: string) => argumentText(text, place);

test("the output of encodeArgs passes unchanged", () => {
  fc.assert(
    fc.property(fc.array(anyValue), (args) => {
      const text = encodeArgs(args);
      expect(accept(text)).toBe(text);
    }),
  );
});

test("any JSON text with any escapes means the same afterwards, and jsonb takes it", () => {
  const unit = fc.constantFrom("\\u0000", "\\ud83d", "\\ude00", "\\\\", '\\"', "NaN", "-0", "a");
  fc.assert(
    fc.property(fc.array(unit), (units) => {
      const text = `["${units.join("")}", {"${units.join("")}": -0.0}]`;
      const written = accept(text);
      expect(spell(decodeArgs(written))).toBe(spell(JSON.parse(text)));
      expect(written.replaceAll("\\\\", "")).not.toMatch(/\\u0000|\\ud[89a-f]/i);
    }),
  );
});

test("J3: JSON over several lines is put on one, and means the same", () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.constantFrom("\n", "\r\n"), (args, lineFeed) => {
      const text = JSON.stringify(args, null, 2).replaceAll("\n", lineFeed);
      const written = accept(text);
      expect(written).not.toContain("\n");
      expect(spell(decodeArgs(written))).toBe(spell(decodeArgs(text)));
    }),
  );
});

describe("is rewritten", () => {
  test.each([
    ["[NaN]", '[{"$number":"NaN"}]'],
    ['{"a": -Infinity}', '{"a": {"$number":"-Infinity"}}'],
    ['["NaN", "\\"NaN", [Infinity]]', '["NaN", "\\"NaN", [{"$number":"Infinity"}]]'],
    ["[-0]", '[{"$number":"-0"}]'],
    ["[1, -0.00e5]", '[1,{"$number":"-0"}]'],
    ['["\\u0000"]', '[{"$string":"AAA="}]'],
    ['["\\uD800"]', '[{"$string":"ANg="}]'],
    ['["\\ud83d\\ude00"]', '["😀"]'],
    ['[{"\\u0000": 1}]', '[{"$object":[[{"$string":"AAA="},1]]}]'],
    ["[1e-20000]", "[0]"], // jsonb: value overflows numeric format
    [`[0.${"0".repeat(20_000)}1]`, "[0]"],
  ])("%j as %j", (text, written) => expect(accept(text)).toBe(written));
});

describe("passes as it is", () => {
  test.each([
    '[{"$number": "NaN"}]',
    '{"$number": "NaN"}',
    '[{"$gt": 5}]',
    '[-0.5, "-0", "2026-01-01", 1e10, "1\\n"]',
    '["\\\\u0000"]',
    '[{"__proto__": 1}]',
  ])("%j", (text) => expect(accept(text)).toBe(text));
});

test("a string with a million escapes is no trouble", () => {
  const text = `["${"\\n".repeat(1_000_000)}", NaN]`;
  expect(accept(text)).toBe(text.replace("NaN", '{"$number":"NaN"}'));
});

test("the place of a number that is too large counts in the file's own text", () => {
  expect(() => accept("[NaN, NaN, 1e400]")).toThrow("here, offset 11: expected a number up to");
  expect(() => accept('["1e999", 1e99]')).not.toThrow();
});
