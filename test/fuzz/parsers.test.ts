// For any text from outside, each parser returns a value of its type or an error that describes the
// fault: never a fault of the program, and nothing that takes forever.
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";

import { readConninfo } from "../../src/db/settings/conninfo.ts";
import { passwordFrom } from "../../src/db/settings/password-file.ts";
import { readService } from "../../src/db/settings/service-file.ts";
import { configuredTarget } from "../../src/db/settings/target.ts";
import { parseNeeds, parseResources } from "../../src/domain/capabilities.ts";
import { formatEntryPoint, parseEntryPoint } from "../../src/domain/entry-point.ts";
import { PdoflowError } from "../../src/domain/errors.ts";
import { parseSelector, selectorsIn } from "../../src/domain/selector.ts";
import { decodeArgs, decodeValue, encodeValue } from "../../src/job/values.ts";
import { formats } from "../../src/input/format.ts";
import { fuzzTimes } from "../fuzz-times.ts";
import { spell } from "../job/any-value.ts";
import { anySizes, read } from "../input/chunks.ts";

setDefaultTimeout(1_500_000);

/** PDOFLOW_TEST_SEED=7 repeats a run. */
const seed = Number(process.env["PDOFLOW_TEST_SEED"] ?? 8);
const fuzz = (numRuns: number) => ({ numRuns: numRuns * fuzzTimes, seed });

const folder = mkdtempSync(join(tmpdir(), "pdoflow-fuzz-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Texts of the pieces that matter to a parser, with anything between them. */
const textOf = (...pieces: string[]) =>
  fc
    .array(
      fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom(...pieces) },
        { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 4 }) },
        { weight: 1, arbitrary: fc.integer().map(String) },
      ),
      { maxLength: 14 },
    )
    .map((parts) => parts.join(""));

/** The result of `parse` for a text; null if it reports a fault. */
function partOf<T>(parse: () => T): T | null {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof PdoflowError)) throw error;
    expect(error.message.length).toBeGreaterThan(10);
    expect(error.message).not.toMatch(/(?<!\$)\bundefined\b|\[object /);
    return null;
  }
}

const json = ["[", "]", "{", "}", ",", ":", '"', "\\", "\\u00", "\n", "1", "-0", "1e999", "NaN"];
const tags = ['{"$number":', '{"$date":', '{"$map":', '{"$bytes":', '"$', "null", "true", '"a"'];

describe("parsers", () => {
  const selector = textOf("4", "/", "-", ",", "last", ":", "@", "name", " ", "\n", "0", "~");
  test("selectors", () => {
    fc.assert(
      fc.property(selector, (text) => {
        const found = partOf(() => parseSelector(text));
        for (const { first, last } of found?.indices ?? []) expect(first).toBeLessThanOrEqual(last);
        partOf(() => selectorsIn(text));
      }),
      fuzz(5_000),
    );
  });

  test("entry points: an accepted text is written as it was read", () => {
    const text = textOf("a.ts", "#", "/", "..", "%2e", "@scope", "file:", "\0", "\\", "C:", "~");
    fc.assert(
      fc.property(text, (text) => {
        const found = partOf(() => parseEntryPoint(text));
        if (found) expect(parseEntryPoint(formatEntryPoint(found))).toEqual(found);
      }),
      fuzz(5_000),
    );
  });

  test("needs of jobs and resources of pools", () => {
    fc.assert(
      fc.property(textOf("gpu", "=", ">=", ",", "mem", "64G", " ", "1e9", "-", '"'), (text) => {
        partOf(() => parseNeeds(text));
        partOf(() => parseResources(text.split(" ")));
      }),
      fuzz(5_000),
    );
  });

  const leaf = fc.oneof(
    fc.constantFrom("NaN", "2026-01-01T00:00:00Z", "AQI=", "-Infinity", "i", "", null, 1, -0, true),
    fc.string({ unit: "binary", maxLength: 3 }),
  );
  const tag = fc.constantFrom(
    ...["$number", "$undefined", "$bigint", "$date", "$map", "$set", "$regexp", "$url", "$bytes"],
    ...["$typed", "$string", "$object", "type", "data", "source", "flags", "$gt", "a"],
  );
  const tagged = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { depthSize: "small" },
      leaf,
      fc.array(tie("node"), { maxLength: 3 }),
      fc.dictionary(tag, tie("node"), { maxKeys: 3, noNullPrototype: true }),
    ),
  })).node;
  test("values: a decoded value is encoded and decoded to the same value", () => {
    let decoded = 0;
    fc.assert(
      fc.property(tagged, (json) => {
        const text = JSON.stringify(json);
        const value = partOf(() => ({ value: decodeValue(text) }));
        partOf(() => decodeArgs(text));
        if (!value) return;
        decoded++;
        expect(spell(decodeValue(encodeValue(value.value)))).toBe(spell(value.value));
      }),
      fuzz(10_000),
    );
    expect(decoded).toBeGreaterThan(1_000);
  });

  test("the place of a server: URLs, keywords, variables", () => {
    const pieces = ["postgres://", "host=", "port=", "@", ":", "/", "?", "&", "%", "'", "\\", " "];
    const text = textOf(...pieces, "sslmode=", "require", "secretpw", "[::1]", ",", "service=");
    fc.assert(
      fc.property(text, text, (text, other) => {
        partOf(() => readConninfo(text, "--database"));
        partOf(() => configuredTarget(text, { PGPORT: other, PGSSLMODE: other }));
        partOf(() => configuredTarget(undefined, { PDOFLOW_DATABASE_URL: text, PGHOST: other }));
      }),
      fuzz(3_000),
    );
  });

  test("service and password files", () => {
    const text = textOf("[", "]", "a", "=", "\n", "#", ":", "*", "\\", "host", "\r\n", "secretpw");
    const file = join(folder, "file");
    const address = { host: "h", port: 5432 } as Parameters<typeof passwordFrom>[1];
    fc.assert(
      fc.property(text, (text) => {
        writeFileSync(file, text);
        chmodSync(file, 0o600);
        partOf(() => readService("a", file, {}));
        partOf(() => passwordFrom(file, address, "d", "u"));
      }),
      fuzz(1_000),
    );
  });
});

describe("files of arguments", () => {
  const bytes = fc.oneof(
    textOf(...json, ...tags, "a,b\n", '"', ";", "\t", "\r\n", "'").map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 40 }),
  );
  test.each([...formats, "auto" as const])("%s", async (format) => {
    await fc.assert(
      fc.asyncProperty(bytes, anySizes, async (bytes, sizes) => {
        const texts = await read(bytes, "file", { format, sizes }).catch((error: unknown) => {
          if (!(error instanceof PdoflowError)) throw error;
          expect(error.message).toContain("file");
          return [];
        });
        for (const text of texts) expect(typeof JSON.parse(text)).toBe("object");
      }),
      fuzz(1_500),
    );
  });
});
