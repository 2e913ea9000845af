import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as fc from "fast-check";

import { PdoflowError } from "../../src/domain/errors.ts";
import { readArguments } from "../../src/input/read-arguments.ts";
import { anyJson, spell } from "../job/any-value.ts";
import { anySizes, chunks, fault, read, spelled } from "./chunks.ts";

setDefaultTimeout(60_000);

const keywords = fc.dictionary(fc.string({ unit: "grapheme" }), anyJson, {
  noNullPrototype: true,
  maxKeys: 4,
});
const awkward = fc.string({ unit: fc.constantFrom('"', "\\", ",", "[", "}", "\n", "é", "a") });
const anyArguments = fc.oneof(
  fc.array(anyJson, { maxLength: 4 }),
  fc.array(awkward, { maxLength: 4 }),
  keywords,
);
const anyLists = fc.array(anyArguments, { maxLength: 6 });

const isList = (value: unknown) => typeof value === "object" && value !== null;

/** What reading `text` as json should give, by JSON.parse of the whole. */
function elementsOf(text: string): string[] | "refused" {
  try {
    const value: unknown = JSON.parse(text, (_key, item: unknown) => {
      if (item === Infinity || item === -Infinity) throw new RangeError(text);
      return item;
    });
    return Array.isArray(value) && value.every(isList) ? value.map(spell) : "refused";
  } catch {
    return "refused";
  }
}

describe("json", () => {
  test("any array in any pieces is parsed as JSON.parse parses the whole", async () => {
    const space = fc.constantFrom("", " ", "\t", "  ");
    await fc.assert(
      fc.asyncProperty(anyLists, space, anySizes, async (lists, space, sizes) => {
        const text = JSON.stringify(lists, null, space);
        expect(spelled(await read(text, "a.json", { sizes }))).toEqual(
          spelled(lists.map((list) => JSON.stringify(list))),
        );
      }),
    );
  });

  test("any damaged array is refused, or parsed as JSON.parse parses it", async () => {
    const damage = fc.tuple(
      fc.nat(),
      fc.nat(2),
      fc.constantFrom("", "[", "]", "{", "}", ",", ":", '"', "\\", "0", "1", "e", "-", "\n", "n"),
    );
    await fc.assert(
      fc.asyncProperty(anyLists, damage, anySizes, async (lists, damage, sizes) => {
        const whole = JSON.stringify(lists);
        const [at, removed, inserted] = damage;
        const place = at % (whole.length + 1);
        const text = whole.slice(0, place) + inserted + whole.slice(place + removed);
        fc.pre(text.trim() !== "" && !/"\$|\\u0000/.test(text) && text.isWellFormed());
        const result = await read(text, "a.json", { sizes }).then(spelled, (error: unknown) => {
          expect(error).toBeInstanceOf(PdoflowError);
          return "refused";
        });
        expect(result).toEqual(elementsOf(text));
      }),
      { numRuns: 300 },
    );
  });

  test("texts pass unchanged, but for white space around them", async () => {
    const text = '[ [1.50, "\\u00e9\\/"] ,\n{ "a" : 1e2 }\n,[12345678901234567890]]';
    const texts = ['[1.50, "\\u00e9\\/"]', '{ "a" : 1e2 }', "[12345678901234567890]"];
    expect(await read(text, "a.json")).toEqual(texts);
  });

  test("a byte order mark, an empty array and an empty file hold no jobs", async () => {
    expect(await read("\uFEFF[[1]]", "a.json", { sizes: [1] })).toEqual(["[1]"]);
    expect(await read("[ \n]", "a.json")).toEqual([]);
    expect(await read(" \n", "a.json")).toEqual([]);
    expect(await read("", "a.json")).toEqual([]);
  });

  test("a byte order mark inside a string is kept, wherever the pieces end", async () => {
    expect(await read('[["\uFEFF"]]', "a.json", { sizes: [3] })).toEqual(['["\uFEFF"]']);
  });

  test.each([
    ["[[1], [2], 7]", "a.json: element 2: expected a list of arguments, such as [7]"],
    ['["abc"]', 'a.json: element 0: expected a list of arguments, such as ["a'],
    ["[null]", "a.json: element 0: expected a list of arguments"],
    ["[NaN]", "a.json: element 0: expected a list of arguments"],
    ["[[1], foo]", 'a.json: element 1, line 1, column 7: expected a value, found "foo"'],
    ["[\n  [1],\n  [1, foo]]", "a.json: element 1, line 3, column 7: expected a value"],
    ["[\n [1], [foo]]", "a.json: element 1, line 2, column 8: expected a value"],
    ["\n[[\n1\n2]]", 'a.json: element 0, line 4, column 1: expected a comma or ], found "2"'],
    ['[["\\\n"]]', "a.json: element 0, line 1, column 4: expected a JSON escape"],
    [
      "[[1],]",
      'element 1, line 1, column 6: expected a list of arguments, found "]". Is there a c',
    ],
    ["[[1],,[2]]", 'element 1, line 1, column 6: expected a list of arguments, found ","'],
    ["[[1] [2]]", 'element 0, line 1, column 6: expected a comma or ], found "["'],
    ["[[1}]", 'element 0, line 1, column 4: expected a comma or ], found "}"'],
    ["[[1]}", 'element 0, line 1, column 5: expected a comma or ], found "}"'],
    [
      "[[1],\n [2",
      "a.json: element 1, line 2, column 2: expected the rest of the array, found the",
    ],
    ["[[1],", "a.json: element 1, line 1, column 6: expected the rest of the array"],
    ['[["a, 1],\n [2]]', "element 0, line 1, column 10: expected the rest of a string"],
    [
      '{"a":1}',
      'such as [[1], [2]], found at the beginning: {"a":1}. If it is NDJSON, use --format',
    ],
    ["a,b\n1,2", "found at the beginning: a,b. If it is a table or text, use --format csv, tsv or"],
    [
      "[[1]]\n[[2]]",
      "such as [[1], [2]], found after it: [[2]]. If it is NDJSON, use --format ndjson",
    ],
    ["[[1, 1e999]]", "a.json: element 0, line 1, column 6: expected a number up to 1.797"],
    [`[[${"9".repeat(400)}]]`, "element 0, line 1, column 3: expected a number up to"],
    ['[[], [{"$set": 1}]]', 'a.json: element 1: {"$set":1} cannot be read: expected {"$set":[v'],
    ['[{"a\\u0000": 1}]', 'a.json: element 0: Cannot encode the value at ["a\\u0000"]'],
  ])("%j is refused: %s", async (text, message) => {
    expect(await fault(text, "a.json")).toContain(message);
    expect(await fault(text, "a.json", [1])).toContain(message.replace(/\(7\).*|found .*/, ""));
  });
});

describe("ndjson", () => {
  test("any lines in any pieces give one text each", async () => {
    const end = fc.constantFrom("\n", "\r\n", "\n\n", "\n \r\n");
    const line = fc.tuple(anyArguments, end);
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 6 }),
        fc.boolean(),
        anySizes,
        async (lines, isCut, sizes) => {
          const texts = lines.map(([list]) => JSON.stringify(list));
          const whole = lines.map(([list, end]) => JSON.stringify(list) + end).join("");
          const text = isCut ? whole.trimEnd() : whole;
          expect(spelled(await read(text, "a.jsonl", { sizes }))).toEqual(spelled(texts));
        },
      ),
    );
  });

  test.each([
    ["[1]\n\n7\n", "a.ndjson: line 3: expected a list of arguments, such as [7]"],
    ["[1]\r\n[1] [2]", 'a.ndjson: line 2, column 5: expected the end of the line, found "["'],
    [
      "[\n[1]\n]",
      "a.ndjson: line 1, column 2: expected a value or ], found the end of the line. If",
    ],
    ["[1]\n [1, 1e999]", "a.ndjson: line 2, column 6: expected a number up to"],
    ['[1]\n[{"$date":"noon"}]', 'a.ndjson: line 2: {"$date":"noon"} cannot be read'],
  ])("%j is refused: %s", async (text, message) => {
    expect(await fault(text, "a.ndjson")).toContain(message);
    expect(await fault(text, "a.ndjson", [1])).toContain(message);
  });
});

describe("batches", () => {
  const options = { format: "ndjson", name: "a" } as const;
  const sizesOf = async (text: string) =>
    (await Array.fromAsync(readArguments(chunks(text, [50_000]), options))).map(
      ({ args }) => args.length,
    );

  test("hold 5,000 texts, or about 1 MiB", async () => {
    expect(await sizesOf("[1]\n".repeat(12_500))).toEqual([5000, 5000, 2500]);
    expect(await sizesOf(`["${"a".repeat(300_000)}"]\n`.repeat(9))).toEqual([4, 4, 1]);
    expect(await sizesOf("")).toEqual([]);
  });

  test("come before the source has ended", async () => {
    let isOver = false;
    async function* source() {
      yield Buffer.from("[1]\n".repeat(5000));
      isOver = true;
    }
    for await (const batch of readArguments(source(), options)) {
      expect([batch.args.length, isOver]).toEqual([5000, false]);
      break;
    }
  });

  test("that nobody takes any more close the source", async () => {
    let isClosed = false;
    async function* source() {
      try {
        for (;;) yield Buffer.from("[1]\n".repeat(5000));
      } finally {
        isClosed = true;
      }
    }
    for await (const batch of readArguments(source(), options)) {
      expect(batch.args.length).toBe(5000);
      break;
    }
    expect(isClosed).toBe(true);
  });

  test("need no more memory for an array of 300 MB on one line", async () => {
    const script = new URL("./read-300-mb.ts", import.meta.url).pathname;
    const reader = Bun.spawn([process.execPath, script], { stdout: "pipe" });
    const { jobs, rssMax } = (await reader.stdout.json()) as Record<"jobs" | "rssMax", number>;
    expect(jobs).toBe(300_001);
    expect(rssMax / 1e6).toBeLessThan(250);
  });
});

describe("sources", () => {
  const count = async (source: AsyncIterable<Uint8Array>) => {
    const batches = readArguments(source, { format: "auto", name: "stdin" });
    return (await Array.fromAsync(batches)).flatMap(({ args }) => args).length;
  };

  test("may be a pipe", async () => {
    const writer = Bun.spawn(["sh", "-c", "yes '[1]' | head -n 100000"], { stdout: "pipe" });
    expect(await count(writer.stdout)).toBe(100_000);
  });

  test("may be a file, in Bun's way and in Node's", async () => {
    await using folder = new AsyncDisposableStack();
    const path = join(await mkdtemp(join(tmpdir(), "pdoflow-input-")), "args");
    folder.defer(() => rm(dirname(path), { recursive: true }));
    await Bun.write(path, "[1]\n".repeat(100_000));
    expect(await count(Bun.file(path).stream())).toBe(100_000);
    expect(await count(createReadStream(path))).toBe(100_000);
  });
});
