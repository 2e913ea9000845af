import { describe, expect, test } from "bun:test";

import { type Format, formatOfName, sniffFormat } from "../../src/input/format.ts";
import { read } from "./chunks.ts";

test.each<[string, Format | undefined]>([
  ["a.json", "json"],
  ["dir.ndjson/A.JSON", "json"],
  ["a.ndjson", "ndjson"],
  ["a.jsonl", "ndjson"],
  ["stdin", undefined],
  ["a.txt", undefined],
])("the name %s tells %p", (name, format) => expect(formatOfName(name)).toBe(format));

describe("without a name, the format is detected from the first lines", () => {
  test.each([
    ["[1]\n[2]", ["[1]", "[2]"]],
    ["\n[1]\n\n[2]\n", ["[1]", "[2]"]],
    ['{"a":1}\r\n[2]\r\n', ['{"a":1}', "[2]"]],
    ["[[1],[2]]", ["[1]", "[2]"]],
    ["[[1],[2]]\n\n", ["[1]", "[2]"]],
    ["[[1],[2]]\n[[3]]", ["[[1],[2]]", "[[3]]"]],
    ["[\n[1],\n[2]\n]", ["[1]", "[2]"]],
    ["[[1],\n[2]]", ["[1]", "[2]"]],
    ["[1,2]", ["[1,2]"]],
    ['[{"a":1},{"a":2}]', ['{"a":1}', '{"a":2}']],
    ["[[1],2]", ["[[1],2]"]],
    ['{"a":1}', ['{"a":1}']],
    ["[NaN]", ['[{"$number":"NaN"}]']],
    ["[]", []],
    ["", []],
  ])("%j", async (text, texts) => {
    expect(await read(text, "stdin")).toEqual(texts);
    expect(await read(text, "stdin", { sizes: [1] })).toEqual(texts);
  });
});

test("a format that is given goes before the name", async () => {
  expect(await read("[[1],[2]]", "a.json", { format: "ndjson" })).toEqual(["[[1],[2]]"]);
  expect(await read("[[1],[2]]", "a.ndjson", { format: "json" })).toEqual(["[1]", "[2]"]);
});

test("a first line of more than 1 MiB is json before it has ended", () => {
  const line = `[["${"a".repeat(1024 * 1024)}"`;
  expect(sniffFormat(line.slice(0, 1000), false)).toBeUndefined();
  expect(sniffFormat(line, false)).toBe("json");
});
