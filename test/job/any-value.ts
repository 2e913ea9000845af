import * as fc from "fast-check";

const codeUnit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));

/** NULs and halves of surrogate pairs as well. */
export const anyString = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: codeUnit }),
  fc.constantFrom("\0", "\\u0000", "\ud800", "\udc00\ud800", "😀", '"$number"', "$", "C:\\users"),
);

const anyKey = fc.oneof(
  fc.string(),
  anyString,
  fc.constantFrom("__proto__", "constructor", "toJSON", "$number", "$object", "$gt", "length"),
);

/** Every JSON value. */
export const anyJson: fc.Arbitrary<unknown> = fc.jsonValue({ maxDepth: 2, noUnicodeString: false });

const unsafeInJson = "[\0\ud800]";

const leaf = fc.oneof(
  fc.constantFrom(undefined, null, true, false, 0, -0, Infinity, -Infinity, NaN, 2 ** 53 + 2),
  fc.constantFrom(5e-324, 1e308, Number.MAX_VALUE, 0.1, 1e21, -1e-7),
  fc.double(),
  fc.bigInt(),
  anyString,
  fc.date({ noInvalidDate: false }),
  fc.constantFrom(/a+/gi, /\//u, new RegExp(""), new RegExp(unsafeInJson, "y")),
  fc.webUrl().map((url) => new URL(url)),
  fc.uint8Array(),
  fc.float64Array({ maxLength: 4 }),
  fc.bigInt64Array({ maxLength: 4 }),
  fc.uint8Array({ maxLength: 5 }).map((bytes) => new Uint8ClampedArray(bytes)),
  fc.uint8Array({ maxLength: 5 }).map((bytes) => new Uint8Array(bytes).buffer),
  fc.uint8Array({ maxLength: 5 }).map((bytes) => new DataView(new Uint8Array(bytes).buffer)),
);

/** Every value that can be an argument, but for null-prototype objects and Buffers. */
export const anyValue: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: "small", withCrossShrink: true }, leaf, tie("container")),
  container: fc.oneof(
    fc.array(tie("value")),
    fc.sparseArray(tie("value"), { maxNumElements: 3, maxLength: 6 }),
    fc.array(fc.tuple(anyKey, tie("value"))).map((entries) => Object.fromEntries(entries)),
    fc.array(fc.tuple(tie("value"), tie("value"))).map((entries) => new Map(entries)),
    fc.array(tie("value")).map((values) => new Set(values)),
  ),
})).value;

/**
 * A text that identifies a value, except for the order of an object's keys, which jsonb does not
 * keep. Not `toStrictEqual`: in Bun 1.4 it considers no two URLs equal and all DataViews.
 */
export function spell(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${Array.from(value, spell).join()}]`;
  if (value instanceof Map) return `Map${spell([...value])}`;
  if (value instanceof Set) return `Set${spell([...value])}`;
  if (value instanceof Date) return `Date ${value.getTime()}`;
  if (value instanceof RegExp || value instanceof URL) {
    return `${value.constructor.name} ${JSON.stringify(String(value))}`;
  }
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value;
    return `${value.constructor.name} ${Buffer.from(buffer, byteOffset, byteLength).toString("hex")}`;
  }
  if (value instanceof ArrayBuffer) return `ArrayBuffer ${Buffer.from(value).toString("hex")}`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${spell(item)}`).join()}}`;
}
