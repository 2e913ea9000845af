import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";

import {
  type Arguments,
  decodeArgs,
  decodeValue,
  encodeArgs,
  encodeValue,
  UnencodableValue,
} from "../../src/job/values.ts";
import { forms, UndecodableValue } from "../../src/job/values-decode.ts";
import { anyJson, anyString, anyValue, spell } from "./any-value.ts";

const roundTrip = (value: unknown) => decodeValue(encodeValue(value));

function refusal(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    if (error instanceof UnencodableValue || error instanceof UndecodableValue) return error;
    throw error;
  }
  throw new Error("was not refused");
}

describe("encoding", () => {
  test("any value comes back as it was", () => {
    fc.assert(fc.property(anyValue, (value) => expect(spell(roundTrip(value))).toBe(spell(value))));
  });

  test("any list of arguments and any keyword arguments come back as they were", () => {
    const names = fc.string({ unit: "grapheme" });
    const keywords = fc.dictionary(names, anyValue, { noNullPrototype: true });
    fc.assert(
      fc.property(fc.oneof(fc.array(anyValue), keywords), (args) => {
        expect(spell(decodeArgs(encodeArgs(args)))).toBe(spell(args));
      }),
    );
  });

  test("any text has nothing that jsonb refuses", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const strings = JSON.stringify(JSON.parse(encodeValue(value)), (key, item: unknown) => {
          expect(key).not.toMatch(/\0|\p{Surrogate}/u);
          if (typeof item === "string") expect(item).not.toMatch(/\0|\p{Surrogate}/u);
          return item;
        });
        expect(strings).toBe(encodeValue(value));
      }),
    );
  });

  test("JSON values are written as JSON.stringify writes them", () => {
    const plain = fc.oneof(anyJson, fc.array(fc.string()), fc.dictionary(fc.string(), anyJson));
    fc.assert(
      fc.property(plain, (value) => {
        const text = JSON.stringify(value);
        fc.pre(!/"\$|\\u|-0/.test(text) && !spell(value).includes("-0"));
        expect(encodeValue(value)).toBe(text);
      }),
    );
  });

  test.each<[string, unknown]>([
    ['{"$number":"NaN"}', NaN],
    ['{"$number":"-Infinity"}', -Infinity],
    ['{"$number":"-0"}', -0],
    ['{"$undefined":true}', undefined],
    ['{"$bigint":"123"}', 123n],
    ['{"$date":"1970-01-01T00:00:00.000Z"}', new Date(0)],
    ['{"$date":null}', new Date(NaN)],
    ['{"$map":[["a",{"$number":"NaN"}]]}', new Map([["a", NaN]])],
    ['{"$set":[1,2]}', new Set([1, 2])],
    ['{"$regexp":{"source":"a+","flags":"i"}}', /a+/i],
    ['{"$url":"https://example.org/"}', new URL("https://example.org")],
    ['{"$bytes":"AQI="}', Uint8Array.of(1, 2)],
    ['{"$typed":{"type":"Float32Array","data":"AACAPw=="}}', Float32Array.of(1)],
    ['{"$string":"YQAAAA=="}', "a\0"],
    ['{"$string":"ANg="}', "\ud800"],
    ['{"$object":[[{"$string":"AAA="},1]]}', { "\0": 1 }],
    ['{"$object":[["$number","NaN"]]}', { $number: "NaN" }],
    ['{"$a":1,"b":2}', { $a: 1, b: 2 }],
    ['{"a":{"$undefined":true}}', { a: undefined }],
  ])("%s is what is written", (text, value) => expect(encodeValue(value)).toBe(text));

  test("holes of an array become undefined", () => {
    // oxlint-disable-next-line no-sparse-arrays
    expect(roundTrip([1, , 3])).toEqual([1, undefined, 3]);
  });

  test("a view of a part of a buffer is that part", () => {
    const { buffer } = Float64Array.of(1, 2, 3);
    expect(spell(roundTrip(new Float64Array(buffer, 8, 1)))).toBe(spell(Float64Array.of(2)));
  });

  test("a Buffer comes back as a Uint8Array, a null-prototype object as a plain one", () => {
    expect(spell(roundTrip(Buffer.from("hi")))).toBe("Uint8Array 6869");
    const bare: unknown = Object.assign(Object.create(null), { a: 1n });
    expect(Object.getPrototypeOf(roundTrip(bare))).toBe(Object.prototype);
  });

  test("ten megabytes of bytes come back", () => {
    expect(roundTrip(new Uint8Array(10_000_000))).toEqual(new Uint8Array(10_000_000));
  });

  test("a __proto__ key survives and pollutes nothing", () => {
    const hostile: unknown = JSON.parse('{"__proto__":{"admin":{"$undefined":true}},"a":1}');
    const copy = roundTrip({ hostile, n: NaN });
    expect(Object.keys((copy as { hostile: object }).hostile)).toEqual(["__proto__", "a"]);
    const read = decodeValue('{"__proto__":{"$set":[]},"$object":1}') as object;
    expect(Object.entries(read)).toEqual([
      ["__proto__", new Set()],
      ["$object", 1],
    ]);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect("admin" in {}).toBe(false);
  });

  test("an object may be referred to twice, if that makes no cycle", () => {
    const shared = { when: new Date(0) };
    expect(roundTrip([shared, shared])).toEqual([shared, shared]);
  });

  test("keyword arguments are never a tag", () => {
    expect(encodeArgs({ $number: "NaN" })).toBe('{"$number":"NaN"}');
    expect(decodeArgs('{"$number":"NaN"}')).toEqual({ $number: "NaN" });
    expect(decodeArgs(encodeArgs({ $date: new Date(0) }))).toEqual({ $date: new Date(0) });
  });
});

describe("refusals", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = [cycle];
  let deep: unknown = 1;
  for (let level = 0; level < 20_000; level += 1) deep = [deep];
  class Model {
    weight = 1;
  }
  class Table extends Map {}

  test.each<[string, unknown, string, string]>([
    ["a function", [1, 2, { options: { "a b": () => 1 } }], '[2].options["a b"]', "a function"],
    ["a method toJSON", [{ toJSON: () => 1 }], "[0].toJSON", "a function"],
    ["a symbol", { a: Symbol("s") }, "a", "a symbol"],
    ["a class instance", [new Model()], "[0]", "an instance of Model"],
    ["an instance of a subclass of Map", [new Table()], "[0]", "an instance of Table"],
    [
      "an instance of a class without a name",
      new (class {
        weight = 1;
      })(),
      "",
      "a class instance",
    ],
    ["an Error", { cause: new TypeError("no") }, "cause", "an instance of TypeError"],
    [
      "a WeakMap in a Map",
      [new Map([["k", new WeakMap()]])],
      "[0][0][1]",
      "an instance of WeakMap",
    ],
    ["a promise in a Set", new Set([1, Promise.resolve()]), "[1]", "Await it first"],
    ["a boxed number", [Object(1)], "[0]", "an instance of Number"],
    ["a cycle", { up: cycle }, "up.self[0]", "a cycle: it refers back to up"],
    ["a thousand levels", deep, "[0]".repeat(1001), "nested in more than 1000 others"],
  ])("%s, with its path", (_name, value, path, found) => {
    const error = refusal(() => encodeValue(value));
    expect(error).toMatchObject({ path, exitCode: 2 });
    expect(error.message).toContain(found);
    expect(error.message).toContain(path && `at ${path}`);
  });

  test("arguments that are neither a list nor an object", () => {
    for (const args of [null, 7, "a", new Model(), new Date()]) {
      const error = refusal(() => encodeArgs(args as unknown as Arguments));
      expect(error.message).toContain("Pass an array or an object of arguments.");
    }
  });

  test("the name of a keyword argument that jsonb cannot hold", () => {
    expect(refusal(() => encodeArgs({ "a\0": 1 })).message).toContain('at ["a\\u0000"]');
  });
});

describe("decoding", () => {
  test("JSON without a tag is decoded as JSON.parse parses it", () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('"$'));
        expect(spell(decodeValue(text))).toBe(spell(JSON.parse(text)));
      }),
    );
  });

  test("an object with one $ key that is no tag is itself", () => {
    expect(decodeValue('[{"$gt":5},{"$ref":{"$number":"NaN"}}]')).toEqual([
      { $gt: 5 },
      { $ref: NaN },
    ]);
  });

  test("a tag that is spelled with an escape is still a tag", () => {
    expect(decodeValue('{"\\u0024number":"NaN"}')).toBeNaN();
  });

  test("moments as Python, PostgreSQL and JavaScript write them, but not without a zone", () => {
    const moment = (text: string) => decodeValue(JSON.stringify({ $date: text }));
    expect(moment("2026-01-01T02:00:00.123456+02:00")).toEqual(
      new Date("2026-01-01T00:00:00.123Z"),
    );
    expect(moment("2026-01-01")).toEqual(new Date("2026-01-01T00:00:00Z"));
    expect(refusal(() => moment("2026-01-01T00:00:00")).message).toContain("with a zone");
  });

  test.each([
    '{"$number":"1"}',
    '{"$number":1}',
    '{"$undefined":false}',
    '{"$bigint":"1.5"}',
    '{"$bigint":""}',
    '{"$string":"YQ=="}',
    '{"$string":"Y"}',
    '{"$date":"yesterday"}',
    '{"$date":"2026-99-01T00:00:00Z"}',
    '{"$map":[[1]]}',
    '{"$map":{"a":1}}',
    '{"$set":{"a":1}}',
    '{"$regexp":{"source":"(","flags":""}}',
    '{"$regexp":{"source":[{"$bigint":"1"}],"flags":""}}',
    '{"$regexp":"a"}',
    '{"$url":"example"}',
    '{"$bytes":"a b="}',
    '{"$typed":{"type":"Float64Array","data":"AQI="}}',
    '{"$typed":{"type":"Object","data":""}}',
    '{"$object":[[1,2]]}',
  ])("%s is refused with what was expected", (text) => {
    const { message } = refusal(() => decodeValue(`[${text}]`));
    expect(message).toStartWith(`${text} cannot be read: expected {"$`);
    expect(message).toContain('write {"$object":[["$');
  });

  test("any content of any tag is decoded or refused, and nothing else", () => {
    const content = fc.oneof(anyJson, anyString);
    fc.assert(
      fc.property(fc.constantFrom(...forms.keys()), content, (key, content) => {
        try {
          decodeValue(JSON.stringify({ [key]: content }));
        } catch (error) {
          expect(error).toBeInstanceOf(UndecodableValue);
        }
      }),
    );
  });

  test("arguments that are neither a list nor an object are refused", () => {
    expect(refusal(() => decodeArgs("7")).message).toStartWith("7 cannot be read: expected a list");
  });
});

const page = await Bun.file(new URL("../../docs/values.md", import.meta.url)).text();
const [table = ""] = page.split("## In other languages");
const examples = [...table.matchAll(/^\| .* \| `(\{"\$.*?\})` +\|/gm)].map(
  ([, text]) => text ?? "",
);

describe("docs/values.md", () => {
  test("has an example of each tag", () => {
    const keys = new Set(examples.map((text) => Object.keys(JSON.parse(text) as object)[0]));
    expect(keys).toEqual(new Set(forms.keys()));
  });

  test.each(examples)("its example %s is our encoding of the value", (text) => {
    expect(encodeValue(decodeValue(text))).toBe(text);
  });
});
