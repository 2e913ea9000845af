import { expect, test } from "bun:test";

import { parseSelector, selectorsIn } from "../../src/domain/selector.ts";

test.each([
  ["42", { by: "number", id: 42 }, null],
  ["42/7", { by: "number", id: 42 }, [{ first: 7, last: 7 }]],
  [
    "42/205,1-100",
    { by: "number", id: 42 },
    [
      { first: 1, last: 100 },
      { first: 205, last: 205 },
    ],
  ],
  ["42/3-5,4-9,10", { by: "number", id: 42 }, [{ first: 3, last: 10 }]],
  ["last", { by: "last", count: 1 }, null],
  ["last/0", { by: "last", count: 1 }, [{ first: 0, last: 0 }]],
  ["last:3", { by: "last", count: 3 }, null],
  ["@night-run.2", { by: "name", name: "night-run.2" }, null],
  ["@été/7", { by: "name", name: "été" }, [{ first: 7, last: 7 }]],
] as const)("%s is understood", (text, posting, indices) => {
  expect(parseSelector(text)).toEqual({ posting, indices: indices && [...indices], text });
});

test.each([
  ["", "expected 42, 42/7"],
  ["0", "expected 42, 42/7"],
  ["-1", "expected 42, 42/7"],
  ["99999999999999999999", "expected 42, 42/7"],
  ["first", "expected 42, 42/7"],
  ["last:0", "expected 42, 42/7"],
  ["42/", "expected indices"],
  ["42/7/8", "expected indices"],
  ["42/x", "expected indices"],
  ["42/9999999999", "expected indices"],
  ["42/9-3", "expected the smaller index first, such as 3-9"],
  ["last:3/7", "expected jobs of one posting"],
  ["@", "expected a name"],
  ["@two words", "expected a name"],
])('"%s" is refused, and told what was expected', (text, message) => {
  expect(() => parseSelector(text)).toThrow(`selector "${text}": ${message}`);
});

test("a pipe brings selectors between any white space", () => {
  expect(selectorsIn("42\n43/7  last\n").map(({ text }) => text)).toEqual(["42", "43/7", "last"]);
  expect(selectorsIn(" \n")).toEqual([]);
});
