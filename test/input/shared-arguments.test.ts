import { expect, test } from "bun:test";

import { type ArgumentWords, SharedArguments } from "../../src/input/shared-arguments.ts";

const joined = (text: string, words: Partial<ArgumentWords>) => [
  ...(SharedArguments.parse({ args: [], kw: [], each: [], ...words })?.joinedTo(text, "a") ?? []),
];

test.each<[string, Partial<ArgumentWords>, string[]]>([
  ["[]", { args: ["1", "2", "x"] }, ['[1,2,"x"]']],
  ["[]", { args: ["007", '"7"', "true", "[1,2]", "{"] }, ['["007","7",true,[1,2],"{"]']],
  ["[]", { kw: ["a=1", "b=x"] }, ['{"a":1,"b":"x"}']],
  ["[]", { args: ["1"], kw: ["a=1"] }, ['[1,{"a":1}]']],
  ['["f"]', { args: ["1"], kw: ["a=1"] }, ['["f",1,{"a":1}]']],
  ['["f"]', { kw: ["a=1"] }, ['["f",{"a":1}]']],
  ['{"f":1}', { kw: ["a=1"] }, ['{"f":1,"a":1}']],
  ["{}", { kw: ["a=1"] }, ['{"a":1}']],
  ["[]", { each: ["1-5:2"] }, ["[1]", "[3]", "[5]"]],
  ["[]", { each: ["a,b", "1-2"] }, ['["a",1]', '["a",2]', '["b",1]', '["b",2]']],
  ["[]", { each: ["-1-1"] }, ["[-1]", "[0]", "[1]"]],
  ["[]", { each: ["m=a,b"], args: ["9"] }, ['[9,{"m":"a"}]', '[9,{"m":"b"}]']],
  ["[]", { each: ["0-1:0.25"] }, ["[0]", "[0.25]", "[0.5]", "[0.75]", "[1]"]],
  ["[]", { each: ["0.1-0.5:0.1"] }, ["[0.1]", "[0.2]", "[0.3]", "[0.4]", "[0.5]"]],
  ["[]", { each: ["1..3"] }, ["[1]", "[2]", "[3]"]],
  ["[]", { each: ["-0.5..0.5:0.5"] }, ["[-0.5]", "[0]", "[0.5]"]],
  ["[]", { each: ["1e-3-2e-3:5e-4"] }, ["[0.001]", "[0.0015]", "[0.002]"]],
  ["[]", { each: ["099-101"] }, ['["099"]', '["100"]', '["101"]']],
  ["[]", { each: ["1-2,9,x=1"] }, ["[1]", "[2]", "[9]", '["x=1"]']],
  [
    "[]",
    { each: ["2026-01-01,3-methyl,-5,1.5,12:30,09:15:00"] },
    ['["2026-01-01"]', '["3-methyl"]', "[-5]", "[1.5]", '["12:30"]', '["09:15:00"]'],
  ],
  ["[]", { each: ['["1-2",""]'] }, ['["1-2"]', '[""]']],
  ["[]", { each: ['["a,b",{"c":1}]'] }, ['["a,b"]', '[{"c":1}]']],
])("%s with %j becomes %j", (text, words, texts) => expect(joined(text, words)).toEqual(texts));

test("a billion combinations are not made before they are asked for", () => {
  const shared = SharedArguments.parse({ args: [], kw: [], each: ["1-10000", "1-100000"] });
  expect(shared?.joinedTo("[]", "a").next().value).toBe("[1,1]");
});

test.each<[Partial<ArgumentWords>, string]>([
  [{ each: ["10-1"] }, "expected a range that goes up, such as 1-1000, 1-1000:2, 0-1:0.25"],
  [{ each: ["1-"] }, 'found "1-". If it is text, write it as JSON: ["1-"]'],
  [{ each: ["1..x"] }, 'found "1..x"'],
  [{ each: ["1-5:x"] }, 'found "1-5:x"'],
  [{ each: ["1..9..2"] }, 'found "1..9..2"'],
  [{ each: ["1:10"] }, 'expected a range such as 1-1000, 1-1000:2, 0-1:0.25 or 1..5, found "1:10"'],
  [{ each: ["0:0.1:1"] }, 'found "0:0.1:1"'],
  [{ each: ["0.1-0.5"] }, "expected the step of a range with fractions, such as 0.1-0.5:0.1"],
  [{ each: ["a,b,,c"] }, 'found none at position 3. Write "" for the empty text'],
  [{ each: ["1-99999999999999999999"] }, "that a double holds exactly"],
  [{ each: ["9-1:-2"] }, 'found "9-1:-2"'],
  [{ each: [""] }, "expected values such as a,b or 1-9"],
  [{ each: ["1-1000000000000"] }, "expected at most 2147483647 combinations"],
  [{ each: ["1-100000", "1-100000"] }, "the limit of a posting, found 10000000000"],
  [{ kw: ["a"] }, 'expected --kw name=value, found "a"'],
  [{ kw: ["a=1", "b=1", "a=2"] }, 'for each name, found several for "a"'],
  [{ kw: ["a=1"], each: ["a=1-2"] }, 'for each name, found several for "a"'],
])("%j: %s", (words, message) => expect(() => joined("[]", words)).toThrow(message));

test("arguments can't follow an object", () => {
  expect(() => joined('{"a":1}', { args: ["1"] })).toThrow("found objects of keyword arguments");
});
